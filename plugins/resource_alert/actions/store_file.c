/* SPDX-License-Identifier: MIT */
/* store_file: switches as files: PATH/NAME exists while NAME is on.
 *
 * PATH/switches.json lists what stands in the directory. It is made of the
 * directory itself and looked at again after it was written, until both agree:
 * so several writers need no lock, and what a person removes is gone from the
 * list as well. */
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
#define SWITCH_BYTES_MAX 65536
#define LIST_BYTES_MAX 1048576
#define LIST_TRIES 16
#define SWEEP_S 60     /* no write takes so long */
#define FILE_MODE 0644 /* the middleware runs as somebody else */
#define DIRECTORY_MODE 0755

struct store_file {
  const char *path; /* borrowed from the options */
  int64_t ttl_s;
};

static int check(const struct switch_store_options *options,
                 struct error *error) {
  if (options->path == NULL) {
    return error_set(error, -EINVAL,
                     "Path is missing: write Path \"/run/collectd/switches\"");
  }
  return 0;
}

static int create(const struct switch_store_options *options, void **ret,
                  struct error *error) {
  struct store_file *store = calloc(1, sizeof(*store));
  if (store == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  store->path = options->path;
  store->ttl_s = options->ttl_s;
  file_sweep_leftovers(store->path, SWEEP_S);
  *ret = store;
  return 0;
}

static int join_path(const struct store_file *store, const char *name,
                     char path[PATH_MAX], struct error *error) {
  int length = snprintf(path, PATH_MAX, "%s/%s", store->path, name);
  return length > 0 && length < PATH_MAX
             ? 0
             : error_set(error, -ENAMETOOLONG, "%s: path is too long",
                         store->path);
}

static int make_store_directory(const char *path, struct error *error) {
  int code = file_make_directory(path, DIRECTORY_MODE);
  return code == 0 ? 0
                   : error_set(error, code, "%s: cannot make the directory: %s",
                               path, strerror(-code));
}

/* ---- switches.json ---- */

static int add_to_list(json_t *list, const struct store_file *store,
                       const char *name) {
  char path[PATH_MAX];
  char *text = NULL;
  size_t bytes = 0;
  if (join_path(store, name, path, NULL) != 0 ||
      file_read(path, SWITCH_BYTES_MAX, &text, &bytes, NULL) != 0) {
    return 0; /* gone meanwhile, or nothing of ours */
  }
  json_t *value = json_loadb(text, bytes, 0, NULL);
  free(text);
  if (value == NULL) {
    value = json_object(); /* put there by a person: it is on all the same */
  }
  return json_object_set_new(list, name, value) == 0 ? 0 : -ENOMEM;
}

/* What stands in the directory. *ret_text: yours, free(). */
static int render_list(const struct store_file *store, char **ret_text,
                       struct error *error) {
  DIR *directory = opendir(store->path);
  if (directory == NULL) {
    int code = -errno;
    return error_set(error, code, "%s: cannot list: %s", store->path,
                     strerror(-code));
  }
  json_t *list = json_object();
  int code = list == NULL ? -ENOMEM : 0;
  const struct dirent *entry;
  while (code == 0 && (entry = readdir(directory)) != NULL) {
    if (strcmp(entry->d_name, LIST_NAME) != 0 &&
        action_check_name(entry->d_name, NULL) == 0) {
      code = add_to_list(list, store, entry->d_name);
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

static bool is_on_disk(const char *path, const char *text) {
  char *old = NULL;
  size_t bytes = 0;
  if (file_read(path, LIST_BYTES_MAX, &old, &bytes, NULL) != 0) {
    return false;
  }
  bool is_same = strcmp(old, text) == 0;
  free(old);
  return is_same;
}

static int update_list(const struct store_file *store, struct error *error) {
  char path[PATH_MAX];
  int code = join_path(store, LIST_NAME, path, error);
  for (int i = 0; code == 0 && i < LIST_TRIES; i++) {
    char *text = NULL;
    code = render_list(store, &text, error);
    if (code != 0 || text == NULL) {
      return code;
    }
    bool is_same = is_on_disk(path, text);
    if (!is_same) {
      code = file_replace(path, text, strlen(text), FILE_MODE, false, error);
    }
    free(text);
    if (is_same) {
      return 0;
    }
  }
  return code == 0
             ? error_set(error, -EBUSY, "%s: others keep changing it", path)
             : code;
}

/* ---- the driver ---- */

/* True if the switch stands at PATH and was put there on behalf of somebody
 * else than VALUE's host and response. */
static bool is_anothers(const char *path, const json_t *value) {
  char *held = NULL;
  size_t bytes = 0;
  if (file_read(path, SWITCH_BYTES_MAX, &held, &bytes, NULL) != 0) {
    return false;
  }
  bool is_ours = switch_store_is_ours(held, value);
  free(held);
  return !is_ours;
}

static int write_switch(const struct store_file *store, const char *path,
                        const json_t *value, struct error *error) {
  char *text = switch_store_value_text(value, store->ttl_s);
  if (text == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  size_t bytes = strlen(text);
  int code = 0;
  if (!is_on_disk(path, text)) {
    code = file_replace(path, text, bytes, FILE_MODE, false, error);
  }
  if (code == -ENOENT) {
    code = make_store_directory(store->path, error);
    code = code == 0 ? file_replace(path, text, bytes, FILE_MODE, false, error)
                     : code;
  }
  free(text);
  return code;
}

static int remove_switch(const char *path, struct error *error) {
  if (unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR) {
    return 0;
  }
  int code = -errno;
  return error_set(error, code, "%s: cannot remove: %s", path, strerror(-code));
}

static int put(void *self, const char *name, bool is_on, const json_t *value,
               struct action_call *call, struct error *error) {
  const struct store_file *store = self;
  char path[PATH_MAX];
  int code = join_path(store, name, path, error);
  if (code != 0) {
    return code;
  }
  call->again_in_ms = is_on ? switch_store_again_ms(store->ttl_s) : 0;
  if (is_anothers(path, value)) {
    return 0;
  }
  code = is_on ? write_switch(store, path, value, error)
               : remove_switch(path, error);
  if (code == 0 && (is_on || access(store->path, F_OK) == 0)) {
    code = update_list(store, error);
  }
  return code;
}

static int confirm(void *self, const char *name, bool is_on,
                   const json_t *value, struct action_call *call,
                   struct error *error) {
  const struct store_file *store = self;
  (void)call;
  char path[PATH_MAX];
  struct stat status;
  int code = join_path(store, name, path, error);
  if (code != 0) {
    return code;
  }
  bool is_there = lstat(path, &status) == 0;
  return is_there == is_on || (is_there && is_anothers(path, value))
             ? 0
             : error_set(error, -ESTALE, "%s is %s", path,
                         is_there ? "still there" : "not there");
}

/* The directory, or the nearest one above it that is there. */
static int find_existing(const char *path, char found[PATH_MAX]) {
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

static int drill(void *self, struct action_call *call, struct error *error) {
  const struct store_file *store = self;
  (void)call;
  char directory[PATH_MAX];
  struct stat status;
  int code = find_existing(store->path, directory);
  if (code != 0 || stat(directory, &status) != 0) {
    return error_set(error, code, "%s is not a directory", directory);
  }
  if ((status.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH) {
    return error_set(error, -EPERM, "%s: anybody may write there: chmod o-w %s",
                     directory, directory);
  }
  if (access(directory, W_OK | X_OK) != 0) {
    code = -errno;
    return error_set(error, code, "%s: cannot write there: %s", directory,
                     strerror(-code));
  }
  return 0;
}

const struct switch_store_driver switch_store_file = {
    .name = "file",
    .is_local = true,
    .check = check,
    .new = create,
    .put = put,
    .confirm = confirm,
    .self_test = drill,
    .free = free,
};
