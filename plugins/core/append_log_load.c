/* SPDX-License-Identifier: MIT */
/* append_log_load: what an append_log holds at the start; for append_log.c. */
#include "core/append_log_load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_util.h"
#include "core/trusted_path.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)

/* Returns 0, or -EINVAL with the reason why it is not our file, or -errno. */
static int check_state_file(int fd, struct error *error) {
  struct stat status;
  if (fstat(fd, &status) != 0) {
    return error_set(error, -errno, "%s", strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return error_set(error, -EINVAL, "is not a regular file");
  }
  if (status.st_uid != geteuid()) {
    return error_set(error, -EINVAL, "belongs to another user (%u)",
                     (unsigned)status.st_uid);
  }
  return 0;
}

static int take_log_line(struct append_log_load *loading, const char *line,
                         size_t length) {
  while (length > 0 && *line == '\0') { /* of a crash, and then appended to */
    line++;
    length--;
  }
  if (length == 0) {
    return 0;
  }
  json_error_t reason;
  json_t *object = json_loadb(line, length, 0, &reason);
  if (object == NULL && json_error_code(&reason) == json_error_out_of_memory) {
    return -ENOMEM;
  }
  int code = json_is_object(object) ? loading->take(loading->context, object)
                                    : -EINVAL;
  json_decref(object);
  if (code != -EINVAL) {
    return code;
  }
  if (loading->bad_lines++ == 0) {
    loading->first_bad = loading->lines + 1;
  }
  if (loading->bad != NULL) {
    (void)fwrite(line, 1, length, loading->bad);
    (void)fputc('\n', loading->bad);
  }
  return 0;
}

static int take_log_lines(struct append_log_load *loading, const char *text,
                          size_t bytes, struct error *error) {
  const char *end = memchr(text, '\n', bytes);
  size_t head_bytes = strlen(loading->head);
  if (end == NULL) {
    return 0; /* a kill within the first line */
  }
  if (bytes < head_bytes || memcmp(text, loading->head, head_bytes) != 0) {
    return error_set(error, -EINVAL, "has an unknown format or version");
  }
  int code = 0;
  for (loading->lines = 1; end != NULL && code == 0; loading->lines++) {
    loading->whole_bytes = (size_t)(end + 1 - text);
    const char *line = end + 1;
    end = memchr(line, '\n', bytes - loading->whole_bytes);
    code = end == NULL ? 0 : take_log_line(loading, line, (size_t)(end - line));
  }
  return code;
}

static void save_bad_lines(const struct append_log_load *loading,
                           const char *text, size_t bytes) {
  char path[PATH_MAX];
  struct error error = {{0}};
  int length = snprintf(path, sizeof(path), "%s.bad", loading->path);
  int code =
      length >= (int)sizeof(path)
          ? -ENAMETOOLONG
          : file_replace(path, text, bytes, APPEND_LOG_FILE_MODE, true, &error);
  log_write(
      &loading->sink, LOG_LEVEL_WARNING,
      "%s: %s: %zu invalid line(s), the first is line %zu; ignored, %s%s",
      loading->what, loading->path, loading->bad_lines, loading->first_bad,
      code == 0 ? "copied to " : "not copied: ", code == 0 ? path : error.text);
}

/* Moves all of the file to PATH.bad; where that fails it stays untouched. */
static void set_file_aside(struct append_log_load *loading,
                           const char *reason) {
  struct error error = {{0}};
  if (file_set_aside(loading->path, &error) == 0) {
    log_write(&loading->sink, LOG_LEVEL_WARNING,
              "%s: %s: %s; moved to %s.bad, no state is restored",
              loading->what, loading->path, reason, loading->path);
    return;
  }
  loading->is_blocked = true;
  log_write(&loading->sink, LOG_LEVEL_WARNING,
            "%s: %s: %s; not loaded, not saved until a restart: %s",
            loading->what, loading->path, reason, error.text);
}

static int load_or_set_aside(struct append_log_load *loading) {
  struct error error = {{0}};
  char *text = NULL;
  size_t bytes = 0;
  int fd =
      trusted_path_open(loading->path, TRUSTED_PATH_OWN, O_RDONLY, 0, &error);
  if (fd == -ENOENT || fd == -ENOTDIR) {
    return 0;
  }
  int code = fd >= 0        ? check_state_file(fd, &error)
             : fd == -ELOOP ? error_set(&error, -EINVAL, "is a link")
                            : fd;
  if (code == 0) {
    code = file_read_and_close(fd, loading->path, FILE_BYTES_MAX, &text, &bytes,
                               &error);
  } else if (fd >= 0) {
    (void)close(fd);
  }
  if (text == NULL && code != -EINVAL && code != -EFBIG) {
    loading->is_blocked = true;
    log_write(&loading->sink, LOG_LEVEL_ERROR,
              "%s: %s; the file is not changed, and no changes are saved until "
              "the next start",
              loading->what, error.text);
    return code == -ENOMEM ? code : 0;
  }
  if (code == 0) {
    code = take_log_lines(loading, text, bytes, &error);
  }
  free(text);
  if (code == -EINVAL || code == -EFBIG) {
    set_file_aside(loading, error.text);
    loading->whole_bytes = 0;
    code = 0;
  }
  return code;
}

int append_log_load_file(struct append_log_load *loading) {
  char *bad = NULL;
  size_t bad_bytes = 0;
  loading->bad = open_memstream(&bad, &bad_bytes);
  int code = load_or_set_aside(loading);
  if (loading->bad != NULL && fclose(loading->bad) == 0 &&
      loading->bad_lines > 0 && code == 0 && !loading->is_blocked) {
    save_bad_lines(loading, bad, bad_bytes);
  }
  free(bad);
  return code;
}
