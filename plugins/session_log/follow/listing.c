/* SPDX-License-Identifier: MIT */
/* listing: the files that may hold lines of a log right now. */
#include "session_log/follow/listing.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

bool listing_is_compressed(const char *name) {
  static const char *const ends[] = {".gz",  ".xz",   ".bz2", ".zst", ".lz4",
                                     ".lzo", ".lzma", ".Z",   ".zip", ".7z"};
  size_t len = strlen(name);
  for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
    size_t end = strlen(ends[i]);
    if (len > end && strcmp(name + len - end, ends[i]) == 0) {
      return true;
    }
  }
  return false;
}

/* ".1", "-20240131", ".2024-01-31T10:00:00Z", "~", ".old". */
static bool is_rotation_mark(const char *text, size_t len) {
  static const char *const words[] = {"old",  "bak",  "prev",   "save",
                                      "orig", "last", "rotated"};
  if (len == 1 && text[0] == '~') {
    return true;
  }
  if (len < 2 || strchr(".-_", text[0]) == NULL) {
    return false;
  }
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
    if (len - 1 == strlen(words[i]) &&
        strncasecmp(text + 1, words[i], len - 1) == 0) {
      return true;
    }
  }
  bool has_digit = false;
  for (size_t i = 1; i < len; i++) {
    has_digit = has_digit || isdigit((unsigned char)text[i]);
    if (!isdigit((unsigned char)text[i]) &&
        strchr(".-_:TZ+", text[i]) == NULL) {
      return false;
    }
  }
  return has_digit;
}

bool listing_is_rotated_name(const char *live, const char *name) {
  size_t live_len = strlen(live);
  size_t len = strlen(name);
  if (strncmp(name, live, live_len) == 0) {
    return is_rotation_mark(name + live_len, len - live_len);
  }
  const char *dot = strrchr(live, '.');
  if (dot == NULL || dot == live) {
    return false;
  }
  size_t stem = (size_t)(dot - live);
  size_t end = live_len - stem;
  return len > live_len && strncmp(name, live, stem) == 0 &&
         strcmp(name + len - end, dot) == 0 &&
         is_rotation_mark(name + stem, len - live_len);
}

static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

bool listing_may_be_copy(const char *live_path, const char *path) {
  const char *live = name_of(live_path);
  const char *name = name_of(path);
  return strcmp(live, name) == 0 || listing_is_rotated_name(live, name);
}

static struct listed *find_listed(struct listing *listing,
                                  const struct file_identity *identity) {
  for (size_t i = 0; i < listing->len; i++) {
    if (file_identity_is_same(&listing->items[i].status.identity, identity)) {
      return &listing->items[i];
    }
  }
  return NULL;
}

static int add(struct listing *listing, const char *path,
               const struct file_status *status, bool is_live) {
  struct listed *known = find_listed(listing, &status->identity);
  if (known != NULL) {
    known->is_live = known->is_live || is_live;
    return 0;
  }
  if (listing->items == NULL || listing->len == listing->room) {
    size_t room = listing->room == 0 ? 16 : listing->room * 2;
    struct listed *items = realloc(listing->items, room * sizeof(*items));
    if (items == NULL) {
      return -ENOMEM;
    }
    listing->items = items;
    listing->room = room;
  }
  char *copy = strdup(path);
  if (copy == NULL) {
    return -ENOMEM;
  }
  listing->items[listing->len++] =
      (struct listed){.path = copy, .status = *status, .is_live = is_live};
  return 0;
}

static int add_live(struct listing *listing, const char *path) {
  struct file_status status;
  int code = file_status_of_path(path, &status);
  if (code != 0) {
    return code;
  }
  if (!status.is_regular) {
    return status.is_directory ? -EISDIR : -EINVAL;
  }
  return add(listing, path, &status, true);
}

static int add_glob(struct listing *listing, const char *pattern) {
  glob_t found = {0};
  int code = glob(pattern, 0, NULL, &found) == GLOB_NOSPACE ? -ENOMEM : -ENOENT;
  for (size_t i = 0; i < found.gl_pathc && code != -ENOMEM; i++) {
    const char *path = found.gl_pathv[i];
    if (listing_is_compressed(path)) {
      continue;
    }
    int added = add_live(listing, path);
    code = added == 0 || added == -ENOMEM || code != 0 ? added : code;
  }
  globfree(&found);
  return code;
}

int listing_add_pattern(struct listing *listing, const char *pattern) {
  /* A plain name is not globbed: it may exist with a [ in it. */
  int code = add_live(listing, pattern);
  if (code == -ENOENT && pattern[strcspn(pattern, "*?[")] != '\0') {
    code = add_glob(listing, pattern);
  }
  return code;
}

static int add_beside(struct listing *listing, const char *live_path) {
  const char *name = name_of(live_path);
  int directory_len = (int)(name - live_path);
  char path[PATH_MAX];
  (void)snprintf(path, sizeof(path), "%.*s", directory_len, live_path);
  DIR *directory = opendir(directory_len == 0 ? "." : path);
  if (directory == NULL) {
    return 0; /* what cannot be listed cannot be followed either */
  }
  int code = 0;
  const struct dirent *entry;
  while (code == 0 && (entry = readdir(directory)) != NULL) {
    struct file_status status;
    if (!listing_is_rotated_name(name, entry->d_name) ||
        listing_is_compressed(entry->d_name)) {
      continue;
    }
    (void)snprintf(path, sizeof(path), "%.*s%s", directory_len, live_path,
                   entry->d_name);
    if (file_status_of_path(path, &status) == 0 && status.is_regular) {
      code = add(listing, path, &status, false);
    }
  }
  (void)closedir(directory);
  return code;
}

int listing_add_siblings(struct listing *listing, const char *live_path) {
  struct stat status;
  int code = add_beside(listing, live_path);
  if (code == 0 && lstat(live_path, &status) == 0 && S_ISLNK(status.st_mode)) {
    char *target = realpath(live_path, NULL);
    code = target == NULL ? 0 : add_beside(listing, target);
    free(target);
  }
  return code;
}

void listing_fini(struct listing *listing) {
  for (size_t i = 0; i < listing->len; i++) {
    free(listing->items[i].path);
  }
  free(listing->items);
  *listing = (struct listing){0};
}
