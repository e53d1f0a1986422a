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

static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

/* Paths in one directory, borrowed, in the order of their names. */
struct places {
  const char **paths;
  size_t len;
};

static int by_name(const void *name, const void *path) {
  return strcmp(name, name_of(*(const char *const *)path));
}

/* True if the first BYTES of NAME, and END, are the name of one. */
static bool is_place(const struct places *places, const char *name,
                     size_t bytes, const char *end) {
  char live[NAME_MAX + 1];
  (void)snprintf(live, sizeof(live), "%.*s%s", (int)bytes, name, end);
  return bsearch(live, places->paths, places->len, sizeof(*places->paths),
                 by_name) != NULL;
}

/* Takes each mark out of NAME that may be one, at its end and before its last
 * dot: so the price does not grow with the number of places. */
static bool is_rotated_place(const struct places *places, const char *name) {
  size_t len = strlen(name);
  const char *dot = strrchr(name, '.');
  size_t stem = dot == NULL ? 0 : (size_t)(dot - name);
  for (size_t at = 1; at < len; at++) {
    if ((is_rotation_mark(name + at, len - at) &&
         is_place(places, name, at, "")) ||
        (at < stem && is_rotation_mark(name + at, stem - at) &&
         is_place(places, name, at, dot))) {
      return true;
    }
  }
  return false;
}

bool listing_is_rotated_name(const char *live, const char *name) {
  const struct places one = {&live, 1};
  return is_rotated_place(&one, name);
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

/* ---- rotated files ---- */

static size_t directory_bytes(const char *path) {
  return (size_t)(name_of(path) - path);
}

static int by_directory_and_name(const void *a, const void *b) {
  const char *left = *(const char *const *)a;
  const char *right = *(const char *const *)b;
  size_t left_bytes = directory_bytes(left);
  size_t right_bytes = directory_bytes(right);
  if (left_bytes != right_bytes) {
    return left_bytes < right_bytes ? -1 : 1;
  }
  int order = memcmp(left, right, left_bytes);
  return order != 0 ? order : strcmp(left + left_bytes, right + right_bytes);
}

/* Where to look for rotated files, in the order of directories and names. */
static int find_places(struct listing *listing, const char *const *missing,
                       size_t missing_len, struct places *ret_places) {
  const char **paths =
      calloc(2 * listing->len + missing_len + 1, sizeof(*paths));
  size_t len = 0;
  if (paths == NULL) {
    return -ENOMEM;
  }
  for (size_t i = 0; i < listing->len; i++) {
    struct listed *item = &listing->items[i];
    if (!item->is_live) {
      continue;
    }
    paths[len++] = item->path;
    if (item->status.is_linked && item->target == NULL) {
      item->target = realpath(item->path, NULL); /* NULL: it is gone by now */
    }
    if (item->target != NULL) {
      paths[len++] = item->target;
    }
  }
  for (size_t i = 0; i < missing_len; i++) {
    paths[len++] = missing[i];
  }
  qsort(paths, len, sizeof(*paths), by_directory_and_name);
  *ret_places = (struct places){paths, len};
  return 0;
}

/* How many from the first on are in the same directory. */
static size_t count_neighbours(const struct places *places) {
  const char *first = places->paths[0];
  size_t bytes = directory_bytes(first);
  size_t len = 1;
  while (len < places->len && directory_bytes(places->paths[len]) == bytes &&
         memcmp(places->paths[len], first, bytes) == 0) {
    len++;
  }
  return len;
}

/* Adds what the files at PLACES, all in one directory, were rotated to. */
static int add_beside(struct listing *listing, const struct places *places) {
  int directory_len = (int)directory_bytes(places->paths[0]);
  char path[PATH_MAX];
  (void)snprintf(path, sizeof(path), "%.*s", directory_len, places->paths[0]);
  DIR *directory = opendir(directory_len == 0 ? "." : path);
  if (directory == NULL) {
    return 0; /* what cannot be listed cannot be followed either */
  }
  int code = 0;
  const struct dirent *entry;
  while (code == 0 && (entry = readdir(directory)) != NULL) {
    struct file_status status;
    if (!is_rotated_place(places, entry->d_name) ||
        listing_is_compressed(entry->d_name)) {
      continue;
    }
    (void)snprintf(path, sizeof(path), "%.*s%s", directory_len,
                   places->paths[0], entry->d_name);
    if (file_status_of_path(path, &status) == 0 && status.is_regular) {
      code = add(listing, path, &status, false);
    }
  }
  (void)closedir(directory);
  return code;
}

int listing_add_rotated(struct listing *listing, const char *const *missing,
                        size_t missing_len) {
  struct places all = {NULL, 0};
  int code = find_places(listing, missing, missing_len, &all);
  struct places here = all;
  for (size_t at = 0; at < all.len && code == 0; at += here.len) {
    here = (struct places){all.paths + at, all.len - at};
    here.len = count_neighbours(&here);
    code = add_beside(listing, &here);
  }
  free(all.paths);
  return code;
}

void listing_cut(struct listing *listing, size_t len) {
  while (listing->len > len) {
    struct listed *last = &listing->items[--listing->len];
    free(last->path);
    free(last->target);
  }
}

void listing_fini(struct listing *listing) {
  listing_cut(listing, 0);
  free(listing->items);
  *listing = (struct listing){0};
}
