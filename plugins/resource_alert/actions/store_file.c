/* SPDX-License-Identifier: MIT */
/* store_file: switches as files: PATH/NAME exists while NAME is on.
 *
 * PATH/switches.json lists the files of the directory. After writing it the
 * directory is read again, until both agree: so several writers need no lock,
 * and a file that a person removes also leaves the list. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file_util.h"
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

/* ---- switches.json ---- */

/* Returns -ENOMEM, or 0 also for a file that is gone or cannot be read. */
static int add_switch_to_list(json_t *list, const struct switch_store *store,
                              const char *name) {
  char path[PATH_MAX];
  char *text = NULL;
  size_t bytes = 0;
  if (join_switch_path(store, name, path, NULL) != 0 ||
      file_read(path, SWITCH_BYTES_MAX, &text, &bytes, NULL) != 0) {
    return 0; /* removed meanwhile, or no switch */
  }
  json_t *value = json_loadb(text, bytes, 0, NULL);
  free(text);
  if (value == NULL) {
    value = json_object(); /* made by a person: it is on, too */
  }
  return json_object_set_new(list, name, value) == 0 ? 0 : -ENOMEM;
}

/* The list as it should be. *ret_text: yours, free(). */
static int list_switch_files(const struct switch_store *store, char **ret_text,
                             struct error *error) {
  DIR *directory = opendir(store->options->path);
  if (directory == NULL) {
    int code = -errno;
    return error_set(error, code, "%s: cannot list: %s", store->options->path,
                     strerror(-code));
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
      code == 0 ? json_dumps(list, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
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

/* True if there is a switch at PATH that another host or response wrote. */
static bool is_foreign_switch(const char *path, const json_t *value) {
  char *held = NULL;
  size_t bytes = 0;
  if (file_read(path, SWITCH_BYTES_MAX, &held, &bytes, NULL) != 0) {
    return false;
  }
  bool is_ours = switch_store_is_ours(held, value);
  free(held);
  return !is_ours;
}

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

/* A switch that is gone already is as desired; so is one without its
 * directory. */
static int remove_switch_file(const char *path, struct error *error) {
  if (unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR) {
    return 0;
  }
  int code = -errno;
  return error_set(error, code, "%s: cannot remove: %s", path, strerror(-code));
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
  if (is_foreign_switch(path, state->value)) {
    return 0;
  }
  code = state->is_on
             ? write_switch_file(store, path, state->value, call->error)
             : remove_switch_file(path, call->error);
  if (code == 0 && (state->is_on || access(store->options->path, F_OK) == 0)) {
    code = update_switch_list(store, call->error);
  }
  return code;
}

/* lstat() and not stat(): a link that leads nowhere is there, too. */
static int confirm_switch_in_file(void *self, const struct switch_state *state,
                                  struct action_call *call) {
  char path[PATH_MAX];
  int code = join_switch_path(self, state->name, path, call->error);
  if (code != 0) {
    return code;
  }
  struct stat status;
  bool is_there = lstat(path, &status) == 0;
  return is_there == state->is_on ||
                 (is_there && is_foreign_switch(path, state->value))
             ? 0
             : error_set(call->error, -ESTALE, "%s is %s", path,
                         is_there ? "still there" : "not there");
}

/* The directory, or its nearest parent that exists. */
static int find_existing_directory(const char *path, char found[PATH_MAX]) {
  struct stat status;
  if (snprintf(found, PATH_MAX, "%s", path) >= PATH_MAX) {
    return -ENAMETOOLONG;
  }
  while (lstat(found, &status) != 0 && errno == ENOENT) {
    char *slash = strrchr(found, '/');
    slash[slash == found ? 1 : 0] = '\0';
  }
  return stat(found, &status) == 0 && S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

/* A directory that anybody may write to would let anybody set switches. */
static int self_test_file_store(void *self, struct action_call *call) {
  const struct switch_store *store = self;
  char directory[PATH_MAX];
  struct stat status;
  int code = find_existing_directory(store->options->path, directory);
  if (code != 0 || stat(directory, &status) != 0) {
    return error_set(call->error, code, "%s is not a directory", directory);
  }
  if ((status.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH) {
    return error_set(call->error, -EPERM,
                     "%s: can be written by others: chmod o-w %s", directory,
                     directory);
  }
  if (access(directory, W_OK | X_OK) != 0) {
    code = -errno;
    return error_set(call->error, code, "%s: directory is not writable: %s",
                     directory, strerror(-code));
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
