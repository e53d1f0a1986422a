/* SPDX-License-Identifier: MIT */
/* silence: silences: rules and series for which no notifications are sent until
 * a time. */
#include "resource_alert/alerts/silence.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/file_util.h"
#include "core/glob.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define TEXT_BYTES_MAX 512
#define UNTIL_S_MAX 1e12 /* milliseconds must fit, whatever a file says */

struct silence {
  char *pattern;
  char *who;
  char *comment;
  int64_t until_ms;
};

struct silences {
  char *path; /* NULL: not kept */
  struct log_sink log;
  pthread_mutex_t lock; /* guards items and len; no I/O under it */
  struct silence items[SILENCES_MAX];
  _Atomic size_t len; /* read without the lock to be quick where it is 0 */
};

static void free_item(struct silence *item) {
  free(item->pattern);
  free(item->who);
  free(item->comment);
  *item = (struct silence){0};
}

/* Under the lock. */
static void remove_at(struct silences *silences, size_t index) {
  size_t last = silences->len - 1;
  free_item(&silences->items[index]);
  silences->items[index] = silences->items[last];
  silences->items[last] = (struct silence){0};
  silences->len = last;
}

/* Under the lock. */
static void remove_past(struct silences *silences, int64_t now_ms) {
  for (size_t i = silences->len; i > 0; i--) {
    if (silences->items[i - 1].until_ms <= now_ms) {
      remove_at(silences, i - 1);
    }
  }
}

/* Under the lock. Returns len if there is none. */
static size_t find(const struct silences *silences, const char *pattern) {
  size_t i = 0;
  while (i < silences->len &&
         strcmp(silences->items[i].pattern, pattern) != 0) {
    i++;
  }
  return i;
}

static int check_wish(const struct silence_wish *wish, int64_t now_ms,
                      struct error *error) {
  struct error reason = {{0}};
  if (wish->pattern[0] == '\0' || strlen(wish->pattern) > TEXT_BYTES_MAX ||
      strlen(wish->who) > TEXT_BYTES_MAX ||
      strlen(wish->comment) > TEXT_BYTES_MAX) {
    return error_set(error, -EINVAL,
                     "a silence needs a name or pattern; texts have at most "
                     "%d bytes",
                     TEXT_BYTES_MAX);
  }
  if (glob_check(wish->pattern, &reason) != 0) {
    return error_set(error, -EINVAL, "pattern \"%s\" %s", wish->pattern,
                     reason.text);
  }
  if (wish->until_ms <= now_ms) {
    return error_set(error, -EINVAL, "the silence would be over already");
  }
  return 0;
}

/* Under the lock. */
static int put(struct silences *silences, const struct silence_wish *wish,
               struct error *error) {
  struct silence item = {.pattern = strdup(wish->pattern),
                         .who = strdup(wish->who),
                         .comment = strdup(wish->comment),
                         .until_ms = wish->until_ms};
  if (item.pattern == NULL || item.who == NULL || item.comment == NULL) {
    free_item(&item);
    return error_set(error, -ENOMEM, "out of memory");
  }
  size_t index = find(silences, wish->pattern);
  if (index == SILENCES_MAX) {
    free_item(&item);
    return error_set(error, -ENOSPC, "there are %d silences; end one first",
                     SILENCES_MAX);
  }
  if (index == silences->len) {
    silences->len++;
  } else {
    free_item(&silences->items[index]);
  }
  silences->items[index] = item;
  return 0;
}

static void keep(struct silences *silences, int64_t now_ms) {
  if (silences->path == NULL) {
    return;
  }
  json_t *all = silences_snapshot(silences, now_ms);
  char *text = all == NULL ? NULL : json_dumps(all, JSON_INDENT(1));
  json_decref(all);
  struct error error = {{0}};
  if (text == NULL || file_replace(silences->path, text, strlen(text), 0640,
                                   true, &error) != 0) {
    log_write(&silences->log, LOG_LEVEL_WARNING,
              "silences: not kept over a restart: %s",
              text == NULL ? "out of memory" : error.text);
  }
  free(text);
}

int silences_add(struct silences *silences, const struct silence_wish *wish,
                 int64_t now_ms, struct error *error) {
  int code = check_wish(wish, now_ms, error);
  if (code != 0) {
    return code;
  }
  (void)pthread_mutex_lock(&silences->lock);
  remove_past(silences, now_ms);
  code = put(silences, wish, error);
  (void)pthread_mutex_unlock(&silences->lock);
  if (code == 0) {
    keep(silences, now_ms);
  }
  return code;
}

int silences_remove(struct silences *silences, const char *pattern,
                    int64_t now_ms, struct error *error) {
  (void)pthread_mutex_lock(&silences->lock);
  remove_past(silences, now_ms);
  size_t index = find(silences, pattern);
  bool is_there = index < silences->len;
  if (is_there) {
    remove_at(silences, index);
  }
  (void)pthread_mutex_unlock(&silences->lock);
  if (!is_there) {
    return error_set(error, -ENOENT, "there is no silence for \"%s\"", pattern);
  }
  keep(silences, now_ms);
  return 0;
}

bool silences_cover(struct silences *silences, const char *rule,
                    const char *series, int64_t now_ms) {
  if (silences == NULL || silences->len == 0) {
    return false;
  }
  bool covers = false;
  (void)pthread_mutex_lock(&silences->lock);
  for (size_t i = 0; i < silences->len && !covers; i++) {
    const struct silence *item = &silences->items[i];
    covers = item->until_ms > now_ms && (glob_matches(item->pattern, rule) ||
                                         glob_matches(item->pattern, series));
  }
  (void)pthread_mutex_unlock(&silences->lock);
  return covers;
}

json_t *silences_snapshot(struct silences *silences, int64_t now_ms) {
  json_t *all = json_array();
  (void)pthread_mutex_lock(&silences->lock);
  for (size_t i = 0; i < silences->len && all != NULL; i++) {
    const struct silence *item = &silences->items[i];
    json_t *one = item->until_ms <= now_ms
                      ? NULL
                      : json_pack("{ss sf ss ss}", "name", item->pattern,
                                  "until", (double)item->until_ms / 1000, "who",
                                  item->who, "comment", item->comment);
    if (one != NULL) {
      (void)json_array_append_new(all, one);
    }
  }
  (void)pthread_mutex_unlock(&silences->lock);
  return all;
}

/* ---- life ---- */

static void take_up(struct silences *silences, json_t *all) {
  size_t index;
  json_t *one;
  json_array_foreach(all, index, one) {
    const char *pattern = NULL;
    const char *who = NULL;
    const char *comment = NULL;
    double until = 0;
    if (json_unpack(one, "{ss sF ss ss}", "name", &pattern, "until", &until,
                    "who", &who, "comment", &comment) == 0 &&
        until > 0 && until < UNTIL_S_MAX && glob_check(pattern, NULL) == 0) {
      const struct silence_wish wish = {pattern, (int64_t)(until * 1000), who,
                                        comment};
      (void)put(silences, &wish, NULL);
    }
  }
}

static void read_back(struct silences *silences) {
  char *text = NULL;
  size_t bytes = 0;
  struct error error = {{0}};
  int code = silences->path == NULL ? -ENOENT
                                    : file_read(silences->path, FILE_BYTES_MAX,
                                                &text, &bytes, &error);
  if (code == -ENOENT) {
    return;
  }
  json_t *all = code == 0 ? json_loadb(text, bytes, 0, NULL) : NULL;
  if (json_is_array(all)) {
    take_up(silences, all);
  } else {
    log_write(&silences->log, LOG_LEVEL_WARNING,
              "silences: %s makes no sense%s%s; set aside", silences->path,
              code == 0 ? "" : ": ", code == 0 ? "" : error.text);
    (void)file_set_aside(silences->path, NULL);
  }
  json_decref(all);
  free(text);
}

int silences_new(const char *path, const struct log_sink *log,
                 struct silences **ret_silences, struct error *error) {
  struct silences *silences = calloc(1, sizeof(*silences));
  char *copy = path == NULL ? NULL : strdup(path);
  if (silences == NULL || (path != NULL && copy == NULL)) {
    free(silences);
    free(copy);
    return error_set(error, -ENOMEM, "silences: out of memory");
  }
  silences->path = copy;
  silences->log = *log;
  (void)pthread_mutex_init(&silences->lock, NULL);
  read_back(silences);
  *ret_silences = silences;
  return 0;
}

void silences_free(struct silences *silences) {
  if (silences == NULL) {
    return;
  }
  for (size_t i = 0; i < silences->len; i++) {
    free_item(&silences->items[i]);
  }
  (void)pthread_mutex_destroy(&silences->lock);
  free(silences->path);
  free(silences);
}
