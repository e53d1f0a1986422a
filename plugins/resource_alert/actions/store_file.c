/* SPDX-License-Identifier: MIT */
/* store_file: switches as files: PATH/NAME exists while NAME is on.
 *
 * PATH/switches.json lists the files of the directory. After writing it the
 * directory is read again, until both agree: so several writers need no lock,
 * and a file that a person removes also leaves the list.
 *
 * The directory may belong to an application. What is in it is read only if
 * this user has written it, and of that only what an agent writes is copied. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_util.h"
#include "core/json_util.h"
#include "core/trusted_path.h"
#include "resource_alert/actions/switch_store.h"

#define LIST_NAME "switches.json"
/* A switch is some 300 bytes; what is much longer was not written by us and is
 * not read. */
#define SWITCH_BYTES_MAX 65536
#define LIST_BYTES_MAX 1048576
/* Each further try needs another writer in the same millisecond. */
#define LIST_TRIES 16
#define SWEEP_S 60     /* longer than a write takes */
#define FILE_MODE 0644 /* the readers are other users */
#define DIRECTORY_MODE 0755

/* A default would be wrong: the readers must know the path, and /run is not
 * theirs everywhere. */
static int check_file_options(const struct switch_store_options *options,
                              struct error *error) {
  if (options->path == NULL) {
    return error_set(error, -EINVAL,
                     "Path is missing: write Path \"/run/collectd/switches\"");
  }
  return 0;
}

/* Removes what a write left behind that was interrupted by a crash. */
static int init_file_store(void *self, struct error *error) {
  const struct switch_store *store = self;
  (void)error;
  file_sweep_leftovers(store->options->path, SWEEP_S);
  return 0;
}

/* The name was checked with the configuration and holds no slash and no leading
 * dot. */
static int join_switch_path(const struct switch_store *store, const char *name,
                            char path[PATH_MAX], struct error *error) {
  int length = snprintf(path, PATH_MAX, "%s/%s", store->options->path, name);
  return length > 0 && length < PATH_MAX
             ? 0
             : error_set(error, -ENAMETOOLONG, "%s: path is too long",
                         store->options->path);
}

/* Readable by all: the applications run as other users. */
static int make_store_directory(const char *path, struct error *error) {
  int code = file_make_directory(path, DIRECTORY_MODE);
  return code == 0 ? 0
                   : error_set(error, code, "%s: cannot make the directory: %s",
                               path, strerror(-code));
}

/* ---- one switch ---- */

static bool is_own_file(const struct stat *status) {
  return S_ISREG(status->st_mode) && status->st_uid == geteuid() &&
         status->st_nlink == 1;
}

/* PLACE is a file of ours. -ESTALE for one that is so no more. */
static int read_own_file(const struct trusted_path *place, const char *path,
                         char **ret_text, struct error *error) {
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  size_t bytes = 0;
  struct stat status;
  int fd = openat(place->directory, place->name, flags);
  if (fd >= 0 && (fstat(fd, &status) != 0 || !is_own_file(&status))) {
    (void)close(fd);
    return error_set(error, -ESTALE, "%s: was exchanged meanwhile", path);
  }
  return file_read_and_close(fd < 0 ? -errno : fd, path, SWITCH_BYTES_MAX,
                             ret_text, &bytes, error);
}

/* *ret_text: the content (yours, free()) of what this user has written; empty
 * for what others have, or for no regular file; NULL where nothing is. Returns
 * 0; an error while looking is none of these. */
static int read_switch_file(const char *path, char **ret_text,
                            struct error *error) {
  struct trusted_path place;
  struct stat status;
  int code = trusted_path_walk(path, TRUSTED_PATH_OWN, 0, &place, error);
  *ret_text = NULL;
  if (code != 0) {
    return code == -ENOENT || code == -ENOTDIR ? 0 : code;
  }
  bool is_there =
      fstatat(place.directory, place.name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  code = is_there ? 0 : -errno;
  if (is_there && is_own_file(&status)) {
    code = read_own_file(&place, path, ret_text, error);
    is_there = code != -ENOENT;
  } else if (code != 0 && code != -ENOENT) {
    (void)error_set(error, code, "%s: %s", path, strerror(-code));
  }
  (void)close(place.directory);
  if (code == -ENOENT || (is_there && code == -EFBIG)) {
    code = 0;
  }
  if (code == 0 && is_there && *ret_text == NULL) {
    *ret_text = strdup("");
    return *ret_text != NULL ? 0 : error_set(error, -ENOMEM, "out of memory");
  }
  return code;
}

/* What there is at PATH, as the attempt sees it. */
enum switch_file { SWITCH_FILE_NONE, SWITCH_FILE_OURS, SWITCH_FILE_FOREIGN };

/* Returns an enum switch_file, or a negative errno. A foreign one becomes the
 * outcome: it is left alone. */
static int look_at_switch(const char *path, const struct switch_state *state,
                          struct action_call *call) {
  char *text = NULL;
  int code = read_switch_file(path, &text, call->error);
  if (code == 0 && text != NULL) {
    bool is_ours = switch_store_is_expired(text);
    code = is_ours ? 1 : switch_store_compare_owner(text, state->value, call);
    code = code < 0 ? code : code > 0 ? SWITCH_FILE_OURS : SWITCH_FILE_FOREIGN;
  }
  free(text);
  return code;
}

/* ---- switches.json ---- */

/* TEXT as it is listed: the members that an agent writes, and nothing of what
 * others have. NULL when memory is short. */
static json_t *make_list_entry(const char *text) {
  static const char *const members[] = {"owner", "who",   "response", "rule",
                                        "state", "since", "until"};
  json_t *entry = json_object();
  json_t *held = json_loads(text, 0, NULL);
  bool is_agents = json_is_string(json_object_get(held, "who")) &&
                   json_is_string(json_object_get(held, "response"));
  for (size_t i = 0; is_agents && i < sizeof(members) / sizeof(members[0]);
       i++) {
    json_t *value = json_object_get(held, members[i]);
    if (json_is_string(value) || json_is_null(value)) {
      (void)json_object_set(entry, members[i], value);
    }
  }
  if (is_agents) {
    (void)json_object_set_new(entry, "on", json_true());
  }
  json_decref(held);
  return entry;
}

/* Returns -ENOMEM, or 0 also for a file that is gone or cannot be read. What a
 * person made is on, too. */
static int add_switch_to_list(json_t *list, const struct switch_store *store,
                              const char *name) {
  char path[PATH_MAX];
  char *text = NULL;
  if (join_switch_path(store, name, path, NULL) != 0 ||
      read_switch_file(path, &text, NULL) != 0 || text == NULL) {
    return 0;
  }
  json_t *entry = make_list_entry(text);
  free(text);
  return json_object_set_new(list, name, entry) == 0 ? 0 : -ENOMEM;
}

/* The list as it should be. *ret_text: yours, free(). */
static int list_switch_files(const struct switch_store *store, char **ret_text,
                             struct error *error) {
  int fd = trusted_path_open(store->options->path, TRUSTED_PATH_GIVEN,
                             O_RDONLY | O_DIRECTORY, 0, error);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (directory == NULL) {
    return fd < 0 ? fd : error_set(error, -ENOMEM, "out of memory");
  }
  json_t *list = json_object();
  int code = list == NULL ? -ENOMEM : 0;
  const struct dirent *entry;
  while (code == 0 && (entry = readdir(directory)) != NULL) {
    if (strcmp(entry->d_name, LIST_NAME) != 0 &&
        option_check_name(entry->d_name, NULL) == 0) {
      code = add_switch_to_list(list, store, entry->d_name);
    }
  }
  (void)closedir(directory);
  char *text =
      code == 0 ? json_util_dump(list, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
  json_decref(list);
  if (text == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  *ret_text = text;
  return 0;
}

/* Saves a write, and the wakeup of readers that watch the file, for each
 * refresh without a TTL. */
static bool has_file_content(const char *path, const char *text) {
  char *old = NULL;
  size_t bytes = 0;
  if (file_read(path, LIST_BYTES_MAX, &old, &bytes, NULL) != 0) {
    return false;
  }
  bool is_same = strcmp(old, text) == 0;
  free(old);
  return is_same;
}

/* Ends when the list on the disk is the one that the directory gives. */
static int update_switch_list(const struct switch_store *store,
                              struct error *error) {
  char path[PATH_MAX];
  int code = join_switch_path(store, LIST_NAME, path, error);
  for (int i = 0; code == 0 && i < LIST_TRIES; i++) {
    char *text = NULL;
    code = list_switch_files(store, &text, error);
    if (code != 0 || text == NULL) {
      return code;
    }
    bool is_same = has_file_content(path, text);
    if (!is_same) {
      code = file_replace(path, text, strlen(text), FILE_MODE, false, error);
    }
    free(text);
    if (is_same) {
      return 0;
    }
  }
  return code == 0
             ? error_set(
                   error, -EBUSY,
                   "%s: changed by other writers during each of %d attempts",
                   path, LIST_TRIES)
             : code;
}

/* ---- the driver ---- */

/* The directory is made only when it is missing, as on a tmpfs after a boot. */
static int write_switch_file(const struct switch_store *store, const char *path,
                             const json_t *value, struct error *error) {
  char *text = switch_store_format_value(value, store->options->ttl_s);
  if (text == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  size_t bytes = strlen(text);
  int code = 0;
  if (!has_file_content(path, text)) {
    code = file_replace(path, text, bytes, FILE_MODE, false, error);
  }
  if (code == -ENOENT) {
    code = make_store_directory(store->options->path, error);
    code = code == 0 ? file_replace(path, text, bytes, FILE_MODE, false, error)
                     : code;
  }
  free(text);
  return code;
}

/* Without the directory there is nothing to remove and no list to update. */
static int put_switch_in_file(void *self, const struct switch_state *state,
                              struct action_call *call) {
  const struct switch_store *store = self;
  char path[PATH_MAX];
  int code = join_switch_path(store, state->name, path, call->error);
  if (code != 0) {
    return code;
  }
  call->again_in_ms =
      state->is_on ? switch_store_refresh_in_ms(store->options->ttl_s) : 0;
  int found = look_at_switch(path, state, call);
  if (found < 0) {
    return found;
  }
  if (found == SWITCH_FILE_FOREIGN) {
    return 0;
  }
  if (state->is_on) {
    code = write_switch_file(store, path, state->value, call->error);
  } else if (found == SWITCH_FILE_OURS) {
    code = trusted_path_remove(path, call->error);
    code = code == -ENOENT ? 0 : code;
  }
  if (code == 0) {
    code = update_switch_list(store, call->error);
    code = code == -ENOENT && !state->is_on ? 0 : code;
  }
  return code;
}

static int confirm_switch_in_file(void *self, const struct switch_state *state,
                                  struct action_call *call) {
  char path[PATH_MAX];
  int code = join_switch_path(self, state->name, path, call->error);
  code = code == 0 ? look_at_switch(path, state, call) : code;
  if (code < 0 || code == SWITCH_FILE_FOREIGN) {
    return code < 0 ? code : 0;
  }
  bool is_there = code == SWITCH_FILE_OURS;
  return is_there == state->is_on
             ? 0
             : error_set(call->error, -ESTALE, "%s is %s", path,
                         is_there ? "still there" : "not there");
}

/* Opens the directory as a write does, or its nearest parent that exists. */
static int open_existing_directory(const char *path, char found[PATH_MAX],
                                   struct error *error) {
  (void)snprintf(found, PATH_MAX, "%s", path);
  for (;;) {
    int fd = trusted_path_open(found, TRUSTED_PATH_GIVEN,
                               O_RDONLY | O_DIRECTORY, 0, error);
    char *slash = strrchr(found, '/');
    if (fd != -ENOENT || slash == NULL || slash[1] == '\0') {
      return fd;
    }
    slash[slash == found ? 1 : 0] = '\0';
  }
}

/* A directory that anybody may write to would let anybody set switches. */
static int self_test_file_store(void *self, struct action_call *call) {
  const struct switch_store *store = self;
  char directory[PATH_MAX];
  struct stat status;
  int fd =
      open_existing_directory(store->options->path, directory, call->error);
  if (fd < 0) {
    return fd;
  }
  int code = fstat(fd, &status) == 0 && faccessat(fd, ".", W_OK | X_OK, 0) == 0
                 ? 0
                 : -errno;
  (void)close(fd);
  if (code != 0) {
    return error_set(call->error, code, "%s: directory is not writable: %s",
                     directory, strerror(-code));
  }
  if ((status.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH) {
    return error_set(call->error, -EPERM,
                     "%s: can be written by others: chmod o-w %s", directory,
                     directory);
  }
  return 0;
}

const struct switch_store_driver switch_store_file = {
    .name = "file",
    .check = check_file_options,
    .size = sizeof(struct switch_store),
    .init = init_file_store,
    .put = put_switch_in_file,
    .confirm = confirm_switch_in_file,
    .self_test = self_test_file_store,
};
