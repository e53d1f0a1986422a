/* SPDX-License-Identifier: MIT */
/* directory_scan: finds the files that may hold lines of a log. */
#include "session_log/tail/directory_scan.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

bool directory_scan_is_compressed(const char *name) {
  static const char *const ends[] = {
      ".gz",  ".xz",   ".bz2", ".zst", ".lz4", ".lzo",  ".lzma", ".lz",
      ".Z",   ".z",    ".zip", ".7z",  ".tar", ".tgz",  ".tbz",  ".tbz2",
      ".txz", ".tzst", ".rar", ".br",  ".sz",  ".cpio", ".zipx"};
  size_t len = strlen(name);
  for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
    size_t end = strlen(ends[i]);
    if (len > end && strcmp(name + len - end, ends[i]) == 0) {
      return true;
    }
  }
  return false;
}

/* ".old", "-backup". */
static bool is_word_suffix(const char *text, size_t len) {
  static const char *const words[] = {"old",     "bak",    "prev",
                                      "save",    "orig",   "last",
                                      "rotated", "backup", "previous"};
  for (size_t i = 0; len > 1 && i < sizeof(words) / sizeof(words[0]); i++) {
    if (strchr(".-_", text[0]) != NULL && len - 1 == strlen(words[i]) &&
        strncasecmp(text + 1, words[i], len - 1) == 0) {
      return true;
    }
  }
  return false;
}

/* ".1", "-20240131", ".2024-01-31T10:00:00Z", "~", ".old". */
static bool is_rotation_suffix(const char *text, size_t len) {
  bool has_digit = false;
  if ((len == 1 && text[0] == '~') || is_word_suffix(text, len)) {
    return true;
  }
  if (len < 2 || strchr(".-_", text[0]) == NULL) {
    return false;
  }
  for (size_t i = 1; i < len; i++) {
    has_digit = has_digit || isdigit((unsigned char)text[i]);
    if (!isdigit((unsigned char)text[i]) &&
        strchr(".-_:TZ+", text[i]) == NULL) {
      return false;
    }
  }
  return has_digit;
}

static const char *get_base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

/* In one directory; with more, only their rotated files are looked for. */
#define LINK_TARGETS_MAX 64

struct live_name {
  const char *path; /* first: the sorts compare it; borrowed */
  bool is_target;   /* of a symbolic link */
};

/* Files of the log in one directory, sorted by name. */
struct live_names {
  struct live_name *items;
  size_t len;
  const char *targets[LINK_TARGETS_MAX]; /* base names of those of links */
  size_t targets_len;
};

static int compare_base_name(const void *name, const void *path) {
  return strcmp(name, get_base_name(*(const char *const *)path));
}

/* True if the first BYTES of NAME with END behind are the name of one. */
static bool is_live_name(const struct live_names *names, const char *name,
                         size_t bytes, const char *end, size_t end_bytes) {
  char live[NAME_MAX + 1];
  (void)snprintf(live, sizeof(live), "%.*s%.*s", (int)bytes, name,
                 (int)end_bytes, end);
  return bsearch(live, names->items, names->len, sizeof(*names->items),
                 compare_base_name) != NULL;
}

/* Cuts each possible suffix off NAME, at its end and before its last dot, and
 * looks the rest up: the cost does not grow with the number of names. */
static bool is_dated_name_of_any(const struct live_names *names,
                                 const char *name, size_t len) {
  const char *dot = memrchr(name, '.', len);
  size_t stem = dot == NULL ? 0 : (size_t)(dot - name);
  for (size_t at = 1; at < len; at++) {
    if ((is_rotation_suffix(name + at, len - at) &&
         is_live_name(names, name, at, "", 0)) ||
        (at < stem && is_rotation_suffix(name + at, stem - at) &&
         is_live_name(names, name, at, dot, len - stem))) {
      return true;
    }
  }
  return false;
}

/* app-1.log and app-12.log: equal but for the numbers in them. */
static bool differ_in_numbers_only(const char *a, const char *b) {
  bool has_number = false;
  while (*a != '\0' && *b != '\0') {
    if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
      has_number = true;
      a += strspn(a, "0123456789");
      b += strspn(b, "0123456789");
    } else if (*a++ != *b++) {
      return false;
    }
  }
  return has_number && *a == *b;
}

/* A link may have been moved over several files since the last scan. */
static bool is_beside_target(const struct live_names *names, const char *name) {
  for (size_t i = 0; i < names->targets_len; i++) {
    if (differ_in_numbers_only(names->targets[i], name)) {
      return true;
    }
  }
  return false;
}

/* logrotate adds ".backup" to a name that it finds taken. */
static bool is_rotation_of_any(const struct live_names *names,
                               const char *name) {
  size_t len = strlen(name);
  const char *dot = strrchr(name, '.');
  size_t stem = dot == NULL ? 0 : (size_t)(dot - name);
  return is_dated_name_of_any(names, name, len) ||
         (stem > 0 && is_word_suffix(dot, len - stem) &&
          is_dated_name_of_any(names, name, stem)) ||
         is_beside_target(names, name);
}

bool directory_scan_is_rotated_name(const char *live, const char *name) {
  struct live_name item = {.path = live};
  const struct live_names one = {.items = &item, .len = 1};
  return is_rotation_of_any(&one, name);
}

bool directory_scan_may_be_copy(const char *live_path, const char *path) {
  const char *live = get_base_name(live_path);
  const char *name = get_base_name(path);
  return strcmp(live, name) == 0 || directory_scan_is_rotated_name(live, name);
}

struct directory_scan_item *
directory_scan_find(const struct directory_scan *scan,
                    const struct tail_file_identity *identity) {
  return HASH_MAP_OWNER(
      hash_map_find(&scan->by_identity, identity, sizeof(*identity)),
      struct directory_scan_item, node);
}

static void free_item(struct directory_scan_item *item) {
  free(item->path);
  free(item->target);
  free(item);
}

/* Adds ITEM, taken. Returns 0, or -ENOMEM and frees it. */
static int insert_item(struct directory_scan *scan,
                       struct directory_scan_item *item) {
  if (scan->len == scan->items_max) {
    size_t max = scan->items_max == 0 ? 16 : scan->items_max * 2;
    struct directory_scan_item **items =
        realloc(scan->items, max * sizeof(*items));
    if (items == NULL) {
      free_item(item);
      return -ENOMEM;
    }
    scan->items = items;
    scan->items_max = max;
  }
  if (item->path == NULL ||
      hash_map_insert(&scan->by_identity, &item->node, &item->status.identity,
                      sizeof(item->status.identity)) != 0) {
    free_item(item);
    return -ENOMEM;
  }
  scan->items[scan->len++] = item;
  return 0;
}

/* Adds a file once, whatever number of names it has; it is live if one of them
 * is. */
static int add_scanned_file(struct directory_scan *scan, const char *path,
                            const struct tail_file_status *status,
                            bool is_live) {
  struct directory_scan_item *known =
      directory_scan_find(scan, &status->identity);
  if (known != NULL) {
    known->is_live = known->is_live || is_live;
    return 0;
  }
  if (scan->len == DIRECTORY_SCAN_MAX) {
    scan->is_full = true;
    return 0;
  }
  struct directory_scan_item *item = calloc(1, sizeof(*item));
  if (item == NULL) {
    return -ENOMEM;
  }
  item->path = strdup(path);
  item->status = *status;
  item->is_live = is_live;
  return insert_item(scan, item);
}

/* ---- directories ---- */

/* A change within the same tick of the file system's clock does not show in
 * the time of the directory. */
#define SETTLED_NS INT64_C(2500000000)
/* For file systems that do not keep that time. */
#define LISTING_MS 60000

struct directory_scan_listing {
  struct directory_scan_listing *next; /* owned */
  char *key;          /* owned: the pattern, or the directory with its slash */
  uint64_t live_hash; /* of the names that the rotated ones belong to */
  struct tail_file_status directory; /* before it was read */
  bool is_settled;
  bool is_full; /* there are more names */
  int64_t read_ms;
  char **names; /* owned */
  size_t len, names_max;
};

/* Which names of a directory are wanted. */
struct wanted_names {
  const char *pattern;           /* of the names; NULL: rotated ones */
  const struct live_names *live; /* whose rotated files are wanted */
};

static void free_listing_names(struct directory_scan_listing *listing) {
  while (listing->len > 0) {
    free(listing->names[--listing->len]);
  }
}

static int add_listed_name(struct directory_scan_listing *listing,
                           const char *name) {
  if (listing->len == listing->names_max) {
    size_t max = listing->names_max == 0 ? 16 : listing->names_max * 2;
    char **names = realloc(listing->names, max * sizeof(*names));
    if (names == NULL) {
      return -ENOMEM;
    }
    listing->names = names;
    listing->names_max = max;
  }
  char *copy = strdup(name);
  if (copy == NULL) {
    return -ENOMEM;
  }
  listing->names[listing->len++] = copy;
  return 0;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Reads the directory at PATH up to the limit; one that cannot be read has no
 * names. They are sorted: files that were modified within one tick of the file
 * system's clock are read in this order. */
static int read_listing(struct directory_scan_listing *listing,
                        const char *path, const struct wanted_names *wanted) {
  DIR *directory = opendir(path);
  const struct dirent *entry;
  int code = 0;
  free_listing_names(listing);
  listing->is_full = false;
  while (directory != NULL && code == 0 && !listing->is_full &&
         (entry = readdir(directory)) != NULL) {
    bool is_wanted =
        (wanted->pattern != NULL
             ? fnmatch(wanted->pattern, entry->d_name, FNM_PERIOD) == 0
             : is_rotation_of_any(wanted->live, entry->d_name)) &&
        !directory_scan_is_compressed(entry->d_name);
    listing->is_full = is_wanted && listing->len == DIRECTORY_SCAN_MAX;
    if (is_wanted && !listing->is_full) {
      code = add_listed_name(listing, entry->d_name);
    }
  }
  if (directory != NULL) {
    (void)closedir(directory);
  }
  if (listing->len > 0) {
    qsort(listing->names, listing->len, sizeof(*listing->names), compare_names);
  }
  return code;
}

static struct directory_scan_listing *
find_or_add_listing(struct directory_scan *scan, const char *key) {
  struct directory_scan_listing *listing = scan->listings;
  while (listing != NULL && strcmp(listing->key, key) != 0) {
    listing = listing->next;
  }
  if (listing == NULL && (listing = calloc(1, sizeof(*listing))) != NULL) {
    listing->key = strdup(key);
    if (listing->key == NULL) {
      free(listing);
      return NULL;
    }
    listing->next = scan->listings;
    scan->listings = listing;
  }
  return listing;
}

static uint64_t hash_live_names(const struct live_names *live) {
  uint64_t hash = 0;
  for (size_t i = 0; live != NULL && i < live->len; i++) {
    hash = hash_map_hash_seeded(live->items[i].path,
                                strlen(live->items[i].path), hash);
  }
  return hash;
}

/* Lists the wanted names in the directory at PATH, which is read only if it has
 * changed. *ret_listing: borrowed. Returns 0; -ENOENT; -ENOMEM. */
static int list_names(struct directory_scan *scan, const char *key,
                      const char *path, const struct wanted_names *wanted,
                      const struct directory_scan_listing **ret_listing) {
  struct tail_file_status now;
  if (tail_file_stat_path(path, &now) != 0) {
    return -ENOENT;
  }
  struct directory_scan_listing *listing = find_or_add_listing(scan, key);
  if (listing == NULL) {
    return -ENOMEM;
  }
  uint64_t live_hash = hash_live_names(wanted->live);
  bool is_same = listing->is_settled && listing->live_hash == live_hash &&
                 listing->directory.modified_ns == now.modified_ns &&
                 scan->mono_ms - listing->read_ms < LISTING_MS &&
                 tail_file_is_same(&listing->directory.identity, &now.identity);
  int code = is_same ? 0 : read_listing(listing, path, wanted);
  if (!is_same) {
    listing->directory = now;
    listing->live_hash = live_hash;
    listing->read_ms = scan->mono_ms;
    listing->is_settled =
        code == 0 && scan->wall_ns - now.modified_ns > SETTLED_NS;
  }
  scan->is_full = scan->is_full || listing->is_full;
  *ret_listing = listing;
  return code;
}

/* ---- what patterns match ---- */

/* A pattern may match a directory or a device by mistake: the caller logs why
 * it is not followed. */
static int add_live_file(struct directory_scan *scan, const char *path) {
  struct tail_file_status status;
  int code = tail_file_stat_path(path, &status);
  if (code != 0) {
    return code;
  }
  if (!status.is_regular) {
    return status.is_directory ? -EISDIR : -EINVAL;
  }
  return add_scanned_file(scan, path, &status, true);
}

/* The result of several files: 0 if one can be followed. */
static int add_match(struct directory_scan *scan, const char *path, int code) {
  int added = add_live_file(scan, path);
  return added == 0 || added == -ENOMEM || code != 0 ? added : code;
}

/* A pattern whose directories are patterns, too. Returns 0 if one of the
 * matches is a file that can be followed. */
static int add_glob_matches(struct directory_scan *scan, const char *pattern) {
  glob_t found = {0};
  int code = glob(pattern, 0, NULL, &found) == GLOB_NOSPACE ? -ENOMEM : -ENOENT;
  for (size_t i = 0; i < found.gl_pathc && code != -ENOMEM && !scan->is_full;
       i++) {
    if (!directory_scan_is_compressed(found.gl_pathv[i])) {
      code = add_match(scan, found.gl_pathv[i], code);
    }
  }
  globfree(&found);
  return code;
}

static int add_matches(struct directory_scan *scan, const char *pattern) {
  char path[PATH_MAX];
  const char *name = get_base_name(pattern);
  int bytes = (int)(name - pattern);
  if ((size_t)bytes >= sizeof(path) ||
      strcspn(pattern, "*?[\\") < (size_t)bytes) {
    return add_glob_matches(scan, pattern);
  }
  (void)snprintf(path, sizeof(path), "%.*s", bytes, pattern);
  const struct wanted_names wanted = {.pattern = name};
  const struct directory_scan_listing *listing = NULL;
  int listed = list_names(scan, pattern, path, &wanted, &listing);
  int code = listed == 0 ? -ENOENT : listed;
  for (size_t i = 0; listed == 0 && i < listing->len && code != -ENOMEM; i++) {
    (void)snprintf(path, sizeof(path), "%.*s%s", bytes, pattern,
                   listing->names[i]);
    code = add_match(scan, path, code);
  }
  return code;
}

int directory_scan_add_pattern(struct directory_scan *scan,
                               const char *pattern) {
  /* A plain name is not globbed: it may exist with a [ in it. */
  int code = add_live_file(scan, pattern);
  if (code == -ENOENT && pattern[strcspn(pattern, "*?[")] != '\0') {
    code = add_matches(scan, pattern);
  }
  return code;
}

/* ---- rotated files ---- */

static size_t count_directory_bytes(const char *path) {
  return (size_t)(get_base_name(path) - path);
}

/* Sorts by the length of the directory's name first: only equality matters,
 * and lengths compare faster. */
static int compare_directory_then_name(const void *a, const void *b) {
  const char *left = *(const char *const *)a;
  const char *right = *(const char *const *)b;
  size_t left_bytes = count_directory_bytes(left);
  size_t right_bytes = count_directory_bytes(right);
  if (left_bytes != right_bytes) {
    return left_bytes < right_bytes ? -1 : 1;
  }
  int order = memcmp(left, right, left_bytes);
  return order != 0 ? order : strcmp(left + left_bytes, right + right_bytes);
}

/* The names that rotated files are looked for beside, sorted by directory and
 * name. */
static int list_live_names(struct directory_scan *scan, const char *const *more,
                           size_t more_len, struct live_names *ret_names) {
  struct live_name *items =
      calloc(2 * scan->len + more_len + 1, sizeof(*items));
  size_t len = 0;
  if (items == NULL) {
    return -ENOMEM;
  }
  for (size_t i = 0; i < scan->len; i++) {
    struct directory_scan_item *item = scan->items[i];
    if (!item->is_live) {
      continue;
    }
    items[len++].path = item->path;
    if (item->status.is_linked && item->target == NULL) {
      item->target = realpath(item->path, NULL); /* NULL: it is gone by now */
    }
    if (item->target != NULL) {
      items[len++] = (struct live_name){item->target, true};
    }
  }
  for (size_t i = 0; i < more_len; i++) {
    items[len++].path = more[i];
  }
  qsort(items, len, sizeof(*items), compare_directory_then_name);
  *ret_names = (struct live_names){.items = items, .len = len};
  return 0;
}

/* Returns how many of the first names are in the same directory. */
static size_t count_in_same_directory(const struct live_names *names) {
  const char *first = names->items[0].path;
  size_t bytes = count_directory_bytes(first);
  size_t len = 1;
  while (len < names->len &&
         count_directory_bytes(names->items[len].path) == bytes &&
         memcmp(names->items[len].path, first, bytes) == 0) {
    len++;
  }
  return len;
}

/* Adds the rotated files of these, which are all in one directory. */
static int add_rotated_beside(struct directory_scan *scan,
                              const struct live_names *names) {
  int directory_len = (int)count_directory_bytes(names->items[0].path);
  char path[PATH_MAX];
  (void)snprintf(path, sizeof(path), "%.*s", directory_len,
                 names->items[0].path);
  const struct wanted_names wanted = {.live = names};
  const struct directory_scan_listing *listing = NULL;
  int code = list_names(scan, path, directory_len == 0 ? "." : path, &wanted,
                        &listing);
  for (size_t i = 0;
       code == 0 && i < listing->len && scan->len < DIRECTORY_SCAN_MAX; i++) {
    struct tail_file_status status;
    (void)snprintf(path, sizeof(path), "%.*s%s", directory_len,
                   names->items[0].path, listing->names[i]);
    if (tail_file_stat_path(path, &status) == 0 && status.is_regular) {
      code = add_scanned_file(scan, path, &status, false);
    }
  }
  return code == -ENOENT ? 0 : code; /* it has no files to follow */
}

static void collect_targets(struct live_names *names) {
  for (size_t i = 0; i < names->len && names->targets_len < LINK_TARGETS_MAX;
       i++) {
    if (names->items[i].is_target) {
      names->targets[names->targets_len++] =
          get_base_name(names->items[i].path);
    }
  }
}

int directory_scan_add_rotated(struct directory_scan *scan,
                               const char *const *paths, size_t paths_len) {
  struct live_names all = {0};
  int code = list_live_names(scan, paths, paths_len, &all);
  struct live_names here = all;
  for (size_t at = 0; at < all.len && code == 0; at += here.len) {
    here = (struct live_names){.items = all.items + at, .len = all.len - at};
    here.len = count_in_same_directory(&here);
    collect_targets(&here);
    code = add_rotated_beside(scan, &here);
  }
  free(all.items);
  return code;
}

void directory_scan_begin(struct directory_scan *scan, int64_t mono_ms,
                          int64_t wall_ns) {
  hash_map_fini(&scan->by_identity);
  while (scan->len > 0) {
    free_item(scan->items[--scan->len]);
  }
  scan->is_full = false;
  scan->mono_ms = mono_ms;
  scan->wall_ns = wall_ns;
  for (struct directory_scan_listing **at = &scan->listings; *at != NULL;) {
    struct directory_scan_listing *listing = *at;
    if (listing->read_ms >= mono_ms - 2 * LISTING_MS) {
      at = &listing->next;
      continue;
    }
    *at = listing->next; /* no longer asked for */
    free_listing_names(listing);
    free(listing->names);
    free(listing->key);
    free(listing);
  }
}

void directory_scan_fini(struct directory_scan *scan) {
  directory_scan_begin(scan, INT64_MAX, 0);
  free(scan->items);
  *scan = (struct directory_scan){0};
}
