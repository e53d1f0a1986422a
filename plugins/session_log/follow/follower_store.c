/* SPDX-License-Identifier: MIT */
/* follower_store: how far each file was read, over a restart. */
#include "session_log/follow/follower_store.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "session_log/follow/follower_state.h"

static void put_fingerprint(struct record_writer *writer,
                            const struct fingerprint *fingerprint) {
  record_put(writer, fingerprint->from);
  record_put(writer, fingerprint->bytes);
  record_put(writer, fingerprint->hash);
}

static void get_fingerprint(struct record_reader *reader,
                            struct fingerprint *ret_fingerprint) {
  ret_fingerprint->from = record_get_up_to(reader, INT64_MAX / 2);
  ret_fingerprint->bytes =
      (uint32_t)record_get_up_to(reader, FINGERPRINT_BYTES);
  ret_fingerprint->hash = record_get(reader);
}

/* The place of the copy's original among the files; their number for none. */
static size_t place_of(const struct follower *follower,
                       const struct tracked *original) {
  size_t i = 0;
  while (i < follower->files_len && follower->files[i] != original) {
    i++;
  }
  return i;
}

static void put_file(const struct follower *follower,
                     const struct tracked *file, int64_t now_ms,
                     struct record_writer *writer) {
  record_put(writer, file->state);
  record_put_text(writer, file->home, strlen(file->home));
  record_put_text(writer, file->path, strlen(file->path));
  record_put(writer, file->identity.device);
  record_put(writer, file->identity.inode);
  record_put_signed(writer, file->identity.born_ns);
  record_put(writer, file->size);
  record_put_signed(writer, file->modified_ns);
  record_put(writer, file->offset);
  put_fingerprint(writer, &file->head);
  put_fingerprint(writer, &file->marker);
  record_put(writer, place_of(follower, file->original));
  record_put(writer, file->is_live);
  record_put(writer, file->is_skipping);
  record_put(writer, file->is_final);
  record_put(writer, file->closing_ms != 0);
  record_put_signed(writer,
                    file->closing_ms == 0 ? 0 : file->closing_ms - now_ms);
}

void follower_save(const struct follower *follower, int64_t now_ms,
                   struct record_writer *writer) {
  const struct follower_view *view = &follower->view;
  record_put(writer, follower->has_begun);
  record_put_signed(writer, follower->newest_ns);
  record_put(writer, view->read.bytes);
  record_put(writer, view->read.long_lines);
  record_put(writer, view->rotated);
  record_put(writer, view->truncated);
  record_put(writer, view->lost_files);
  record_put(writer, follower->files_len);
  for (size_t i = 0; i < follower->files_len; i++) {
    put_file(follower, follower->files[i], now_ms, writer);
  }
}

static void get_path(struct record_reader *reader, char path[PATH_MAX]) {
  const char *text = NULL;
  size_t bytes = record_get_text(reader, PATH_MAX - 1, &text);
  memcpy(path, text, bytes);
  path[bytes] = '\0';
}

static int get_file(struct follower *follower, int64_t now_ms,
                    struct record_reader *reader, size_t *ret_original) {
  char path[PATH_MAX];
  char home[PATH_MAX];
  struct file_status status = {.is_regular = true};
  uint64_t state = record_get_up_to(reader, TRACKED_DONE);
  get_path(reader, home);
  get_path(reader, path);
  status.identity.device = record_get(reader);
  status.identity.inode = record_get(reader);
  status.identity.born_ns = record_get_signed(reader);
  status.size = record_get_up_to(reader, INT64_MAX / 2);
  status.modified_ns = record_get_signed(reader);
  struct tracked *file = tracked_new(home, path, &status);
  if (file == NULL) {
    return -ENOMEM;
  }
  file->state = (enum tracked_state)state;
  file->offset = record_get_up_to(reader, INT64_MAX / 2);
  get_fingerprint(reader, &file->head);
  get_fingerprint(reader, &file->marker);
  *ret_original = (size_t)record_get(reader);
  file->is_live = record_get_flag(reader);
  file->is_skipping = record_get_flag(reader);
  file->is_final = record_get_flag(reader);
  bool is_closing = record_get_flag(reader);
  int64_t left_ms = record_get_signed(reader);
  int64_t wait_ms = follower->options.rotate_wait_ms;
  left_ms = left_ms > wait_ms ? wait_ms : left_ms < 0 ? 0 : left_ms;
  file->closing_ms = is_closing ? now_ms + left_ms : 0;
  bool is_sound = file->marker.bytes <= file->offset &&
                  file->marker.from == file->offset - file->marker.bytes;
  reader->is_failed = reader->is_failed || !is_sound;
  return follower_add(follower, file);
}

int follower_load(struct follower *follower, int64_t now_ms,
                  struct record_reader *reader) {
  struct follower_view *view = &follower->view;
  size_t originals[FOLLOWER_FILES_MAX];
  follower->has_begun = record_get_flag(reader);
  follower->newest_ns = record_get_signed(reader);
  view->read.bytes = record_get(reader);
  view->read.long_lines = record_get(reader);
  view->rotated = record_get(reader);
  view->truncated = record_get(reader);
  view->lost_files = record_get(reader);
  size_t len = (size_t)record_get_up_to(reader, FOLLOWER_FILES_MAX);
  for (size_t i = 0; i < len; i++) {
    int code = get_file(follower, now_ms, reader, &originals[i]);
    if (code != 0 || reader->is_failed) {
      return code != 0 ? code : -EINVAL;
    }
  }
  for (size_t i = 0; i < len; i++) {
    struct tracked *file = follower->files[i];
    if (file->state == TRACKED_COPY && originals[i] < len) {
      file->original = follower->files[originals[i]];
    }
  }
  return reader->is_failed ? -EINVAL : 0;
}
