/* SPDX-License-Identifier: MIT */
/* rotation: whether a file that appears holds new lines, or is a copy of what
 * was read already (copytruncate copies a log before it truncates it). */
#include "session_log/tail/rotation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session_log/tail/edited_file.h"

int rotation_add(struct rotation *rotation, struct tail_file *file) {
  struct tail_file **files =
      realloc(rotation->files, (rotation->files_len + 1) * sizeof(file));
  if (files == NULL) {
    tail_file_free(file);
    return -ENOMEM;
  }
  rotation->files = files;
  rotation->files[rotation->files_len++] = file;
  return 0;
}

void rotation_fini(struct rotation *rotation) {
  for (size_t i = 0; i < rotation->files_len; i++) {
    tail_file_free(rotation->files[i]);
  }
  free(rotation->files);
}

void rotation_close_failed_file(const struct rotation *rotation,
                                struct tail_file *file, int code,
                                int64_t mono_ms) {
  if (log_complaint_fail(&file->complaint, mono_ms)) {
    log_write(rotation->log, LOG_LEVEL_WARNING,
              "log \"%s\": %s: cannot read: %s; retrying at every interval",
              rotation->options->head.label, file->path, strerror(-code));
  }
  tail_file_close(file);
}

void rotation_finish_file(struct rotation *rotation, struct tail_file *file) {
  tail_file_close(file);
  file->state = TAIL_FILE_DONE;
  file->is_final = false;
  file->closing_ms = 0;
  for (size_t i = 0; i < rotation->files_len; i++) {
    struct tail_file *copy = rotation->files[i];
    if (copy->original == file) {
      copy->original = NULL;
      copy->state = TAIL_FILE_DONE;
      tail_file_skip_all(copy);
    }
  }
}

/* Two logs may have the same beginning, so a file that a pattern matches is a
 * copy only if its name is that of a rotated file, too. */
static bool may_be_copy(const struct tail_file *file,
                        const struct tail_file *original) {
  return !file->is_live ||
         directory_scan_may_be_copy(original->first_path, file->path);
}

/* Finds the file that FILE repeats, among the truncated ones or among the
 * others. Returns 1 and *ret_original, 0 for none, -EAGAIN if that is not known
 * yet. */
static int find_original(struct rotation *rotation,
                         const struct tail_file *file, bool is_truncated,
                         struct tail_file **ret_original) {
  for (size_t i = 0; i < rotation->files_len; i++) {
    struct tail_file *other = rotation->files[i];
    if (other == file || other->state != TAIL_FILE_FOLLOWED || other->fd < 0 ||
        other->is_truncated != is_truncated || !may_be_copy(file, other)) {
      continue;
    }
    switch (tail_file_compare_content(file, other)) {
    case TAIL_FILE_IS_COPY:
      *ret_original = other;
      return 1;
    case TAIL_FILE_UNSURE:
      return -EAGAIN;
    case TAIL_FILE_UNRELATED:
      break;
    }
  }
  return 0;
}

/* FILE is read from where reading of ORIGINAL has stopped. */
static void inherit_position(struct tail_file *file,
                             const struct tail_file *original) {
  file->state = TAIL_FILE_FOLLOWED;
  file->original = NULL;
  file->offset = original->offset;
  file->head = original->head;
  file->marker = original->marker;
  file->is_skipping = original->is_skipping;
}

/* Reads the copy from where the original was left: it holds what was written
 * between the last check and the truncation. */
static int continue_in_copy(struct rotation *rotation, struct tail_file *copy,
                            struct tail_file *original) {
  rotation->truncated++;
  inherit_position(copy, original);
  copy->is_final = true;
  if (copy->size < original->offset) { /* all of it was read */
    copy->state = TAIL_FILE_DONE;
    tail_file_skip_all(copy);
  }
  return tail_file_rewind(original);
}

static bool has_taken_place_of(const struct tail_file *file,
                               const struct tail_file *former) {
  return file->is_live &&
         (!former->is_listed || (strcmp(file->path, former->first_path) == 0 &&
                                 strcmp(file->path, former->path) != 0));
}

/* FILE (open) has taken the place of a log, which is read to its own end and
 * has the first KNOWN bytes of FILE, too. */
static void follow_replacement(struct tail_file *file, uint64_t known) {
  file->state = TAIL_FILE_FOLLOWED;
  file->original = NULL;
  (void)tail_file_resume_at(file, known);
}

/* Decides whether FILE (open) is a copy of another file or new.
 * Returns 0, or -EAGAIN to decide at the next poll. */
static int classify_file(struct rotation *rotation, struct tail_file *file) {
  struct tail_file *original = NULL;
  int code = find_original(rotation, file, false, &original);
  if (code < 0) {
    return code;
  }
  if (code == 1 && original->is_listed && has_taken_place_of(file, original)) {
    follow_replacement(file, file->size);
  } else if (code == 1) {
    file->state = TAIL_FILE_COPY;
    file->original = original;
  } else {
    file->state = TAIL_FILE_FOLLOWED; /* from its start */
    file->original = NULL;
    file->offset = 0;
    file->head = (struct tail_file_mark){0};
    file->marker = (struct tail_file_mark){0};
  }
  return 0;
}

/* ---- edited files ---- */

/* Where the lines of FORMER end in FILE: those up to its own end, which are
 * read from it, or those that were read. Returns 1 or 0. */
static int find_former_end(const struct tail_file *file,
                           const struct tail_file *former,
                           uint64_t *ret_offset) {
  struct tail_file_mark end = {0};
  if (former->fd >= 0 && edited_file_read_end_mark(former, &end) == 0 &&
      edited_file_find_mark(file, &end, ret_offset) == 1) {
    return 1;
  }
  return former->offset > 0 &&
         edited_file_find_mark(file, &former->marker, ret_offset) == 1;
}

/* Looks again at a file that was empty: it may have got its lines since. */
static bool has_content(struct tail_file *file) {
  if (file->size == 0) {
    off_t end = lseek(file->fd, 0, SEEK_END);
    file->size = end > 0 ? (uint64_t)end : 0;
  }
  return file->size > 0;
}

void rotation_skip_read_lines(struct rotation *rotation,
                              struct tail_file *file) {
  if (!has_content(file)) {
    return; /* each poll comes here with each file that is still empty */
  }
  uint64_t offset = 0;
  int is_found = 0;
  for (size_t i = 0; i < rotation->files_len && !is_found; i++) {
    struct tail_file *former = rotation->files[i];
    bool is_in_place =
        former->is_listed && strcmp(former->path, former->first_path) == 0;
    if (former == file || former->state != TAIL_FILE_FOLLOWED || is_in_place ||
        !directory_scan_may_be_copy(file->path, former->first_path)) {
      continue;
    }
    is_found = find_former_end(file, former, &offset);
    if (is_found && former->fd < 0 && !former->is_listed) {
      rotation_finish_file(rotation, former); /* FILE has all its lines */
    }
  }
  if (!is_found) {
    is_found = edited_file_find_mark(file, &file->former, &offset) == 1;
  }
  file->former = (struct tail_file_mark){0};
  if (is_found) {
    (void)tail_file_resume_at(file, offset);
  }
}

/* ---- the first scan: these files are older than the plugin ---- */

/* Rotated files are older than the log that is followed, so their content is
 * never read. */
static void start_found_file(const struct rotation *rotation,
                             struct tail_file *file, int64_t mono_ms) {
  int code = file->is_live ? tail_file_open(file) : 0;
  if (code != 0) {
    rotation_close_failed_file(rotation, file, code, mono_ms);
  }
  file->state = file->is_live ? TAIL_FILE_FOLLOWED : TAIL_FILE_DONE;
  if ((!file->is_live || rotation->options->start_at == LOG_START_END) &&
      (file->fd < 0 || tail_file_seek_end(file) != 0)) {
    tail_file_skip_all(file);
  }
}

/* ---- later scans: a file that appears is new, or a copy ---- */

/* Opens a file that has appeared. One that is not opened is dropped, since it
 * is gone again or empty and perhaps a copy that has just begun; a live one
 * that cannot be opened is read from its beginning, once it can. */
static void open_new_file(const struct rotation *rotation,
                          struct tail_file *file, int64_t mono_ms) {
  if (!file->is_live && file->size == 0) {
    return;
  }
  int code = tail_file_open(file);
  if (code != 0 && file->is_live && code != -ESTALE && code != -ENOENT) {
    rotation_close_failed_file(rotation, file, code, mono_ms);
    file->state = TAIL_FILE_FOLLOWED;
  }
}

/* FILE was classified; CODE != 0: the next poll finds it once more. */
static void accept_classified(const struct rotation *rotation,
                              struct tail_file *file, int code) {
  if (code != 0) {
    file->state = TAIL_FILE_NEW;
    return;
  }
  if (file->state == TAIL_FILE_FOLLOWED && !file->is_final && !file->is_live &&
      file->modified_ns < rotation->newest_ns) {
    file->state = TAIL_FILE_DONE; /* older than all known files: not rotated */
    tail_file_skip_all(file);
  }
  if (file->state != TAIL_FILE_FOLLOWED) {
    tail_file_close(file);
  }
}

/* No new file continues these: they are read from their beginning. */
static void reset_truncated(struct rotation *rotation, int64_t mono_ms) {
  for (size_t i = 0; i < rotation->files_len; i++) {
    struct tail_file *file = rotation->files[i];
    if (file->state == TAIL_FILE_FOLLOWED && file->fd >= 0 &&
        file->is_truncated) {
      rotation->truncated++;
      int code = tail_file_rewind(file);
      if (code != 0) {
        rotation_close_failed_file(rotation, file, code, mono_ms);
      }
    }
  }
}

/* Classifies the files from number FIRST on. */
static void classify_new_files(struct rotation *rotation, size_t first,
                               int64_t mono_ms) {
  for (size_t i = first; i < rotation->files_len; i++) {
    open_new_file(rotation, rotation->files[i], mono_ms);
  }
  /* First what continues a truncated file, since the others are compared with
   * its new content. */
  for (size_t i = first; i < rotation->files_len; i++) {
    struct tail_file *file = rotation->files[i];
    struct tail_file *original = NULL;
    if (file->state == TAIL_FILE_NEW && file->fd >= 0 &&
        find_original(rotation, file, true, &original) == 1) {
      accept_classified(rotation, file,
                        continue_in_copy(rotation, file, original));
    }
  }
  reset_truncated(rotation, mono_ms);
  for (size_t i = first; i < rotation->files_len; i++) {
    struct tail_file *file = rotation->files[i];
    if (file->state == TAIL_FILE_NEW && file->fd >= 0) {
      accept_classified(rotation, file, classify_file(rotation, file));
    }
  }
}

/* A copy may turn out to be something else: its original is truncated, or has
 * been replaced by it, or it has grown by other lines. */
static void recheck_copy(struct rotation *rotation, struct tail_file *copy) {
  struct tail_file *original = copy->original;
  struct tail_file_status status;
  if (copy->state != TAIL_FILE_COPY || !copy->is_listed ||
      tail_file_stat_path(copy->path, &status) != 0) {
    return;
  }
  bool is_replacement = original != NULL && !original->is_truncated &&
                        has_taken_place_of(copy, original);
  bool has_changed =
      status.size != copy->size || (original != NULL && original->is_truncated);
  if ((!is_replacement && !has_changed) || tail_file_open(copy) != 0) {
    return;
  }
  uint64_t known = copy->size; /* that many bytes are the original's, too */
  copy->size = status.size;
  copy->modified_ns = status.modified_ns;
  if (is_replacement && original->is_listed) {
    follow_replacement(copy, known);
    return;
  }
  if (is_replacement) {
    inherit_position(copy, original);
    if (known < copy->offset) {
      (void)tail_file_resume_at(copy, known);
    }
    rotation_finish_file(rotation, original);
    return;
  }
  if (find_original(rotation, copy, true, &original) == 1) {
    (void)continue_in_copy(rotation, copy, original);
  } else {
    (void)classify_file(rotation, copy);
  }
  if (copy->state != TAIL_FILE_FOLLOWED) {
    tail_file_close(copy);
  }
}

/* Of two files that were modified at the same time the rotated one has the
 * older lines. */
static int compare_reading_order(const void *a, const void *b) {
  const struct tail_file *const *left = a;
  const struct tail_file *const *right = b;
  int64_t first = (*left)->modified_ns;
  int64_t second = (*right)->modified_ns;
  if (first != second) {
    return first < second ? -1 : 1;
  }
  return ((*right)->closing_ms != 0) - ((*left)->closing_ms != 0);
}

void rotation_sort(struct rotation *rotation, size_t first) {
  if (rotation->files_len > first) {
    qsort(rotation->files + first, rotation->files_len - first,
          sizeof(struct tail_file *), compare_reading_order);
  }
}

/* Adds a tail_file for each scanned file that is not known. */
static int add_new_files(struct rotation *rotation,
                         const struct directory_scan *scan) {
  for (size_t i = 0; i < rotation->files_len; i++) {
    struct directory_scan_item *item =
        directory_scan_find(scan, &rotation->files[i]->identity);
    if (item != NULL) {
      item->is_known = true;
    }
  }
  for (size_t i = 0; i < scan->len && rotation->files_len < ROTATION_FILES_MAX;
       i++) {
    const struct directory_scan_item *item = scan->items[i];
    if (item->is_known) {
      continue;
    }
    struct tail_file *file =
        tail_file_new(item->path, item->path, &item->status);
    if (file == NULL || rotation_add(rotation, file) != 0) {
      return -ENOMEM;
    }
    file->state = TAIL_FILE_NEW;
    file->is_live = item->is_live;
    file->is_listed = true;
  }
  return 0;
}

/* Forgets files that are gone and read, and those that were not classified. */
static void drop_unneeded_files(struct rotation *rotation) {
  size_t kept = 0;
  for (size_t i = 0; i < rotation->files_len; i++) {
    struct tail_file *file = rotation->files[i];
    if (file->state == TAIL_FILE_FOLLOWED ||
        (file->is_listed && file->state != TAIL_FILE_NEW)) {
      rotation->files[kept++] = file;
    } else {
      tail_file_free(file);
    }
  }
  rotation->files_len = kept;
}

int rotation_classify_files(struct rotation *rotation,
                            const struct directory_scan *scan,
                            int64_t mono_ms) {
  size_t known = rotation->files_len;
  for (size_t i = 0; i < known; i++) {
    recheck_copy(rotation, rotation->files[i]);
  }
  int code = add_new_files(rotation, scan);
  rotation_sort(rotation, known);
  if (code == 0 && rotation->has_begun) {
    classify_new_files(rotation, known, mono_ms);
  } else if (code == 0) {
    for (size_t i = known; i < rotation->files_len; i++) {
      start_found_file(rotation, rotation->files[i], mono_ms);
    }
  }
  drop_unneeded_files(rotation);
  return code;
}
