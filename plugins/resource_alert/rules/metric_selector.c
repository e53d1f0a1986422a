/* SPDX-License-Identifier: MIT */
/* metric_selector: one Metric line: which series and data sources a rule
 * watches. */
#include "resource_alert/rules/metric_selector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/glob.h"
#include "resource_alert/alerts/fingerprint.h"

/* The first C in TEXT that stands in no set and behind no backslash. */
static char *find_plain(char *text, char c) {
  bool is_in_set = false;
  for (char *at = text; *at != '\0'; at++) {
    if (*at == '\\' && at[1] != '\0') {
      at++;
    } else if (is_in_set) {
      is_in_set = *at != ']';
    } else if (*at == '[') {
      is_in_set = true;
      at += at[1] == '!' || at[1] == '^' ? 1 : 0;
      at += at[1] == ']' ? 1 : 0;
    } else if (*at == c) {
      return at;
    }
  }
  return NULL;
}

/* Cuts TEXT at the first plain C. Returns what follows it, NULL if none. */
static char *cut(char *text, char c) {
  char *at = find_plain(text, c);
  if (at == NULL) {
    return NULL;
  }
  *at = '\0';
  return at + 1;
}

static int split(char *text, struct selector *selector, struct error *error) {
  char *parts[3] = {text, cut(text, '/'), NULL};
  if (parts[1] != NULL) {
    parts[2] = cut(parts[1], '/');
  }
  if (parts[1] == NULL || (parts[2] != NULL && find_plain(parts[2], '/'))) {
    (void)error_set(error, -EINVAL,
                    "is not [host/]plugin[-instance]/type[-instance]"
                    "[:data source]");
    return -EINVAL;
  }
  bool has_host = parts[2] != NULL;
  char *type = has_host ? parts[2] : parts[1];
  selector->host = has_host ? parts[0] : NULL;
  selector->source = cut(type, ':');
  selector->plugin = has_host ? parts[1] : parts[0];
  selector->type = type;
  return 0;
}

static int check_part(const char *what, const char *part, struct error *error) {
  if (part == NULL) {
    return 0;
  }
  if (part[0] == '\0') {
    return error_set(error, -EINVAL, "has an empty %s", what);
  }
  int code = glob_check(part, error);
  if (code != 0) {
    error_prefix(error, "%s \"%s\"", what, part);
  }
  return code;
}

static int check_parts(const struct selector *selector, struct error *error) {
  const struct {
    const char *what, *part;
  } checks[] = {
      {"host", selector->host},
      {"plugin", selector->plugin},
      {"type", selector->type},
      {"data source", selector->source},
  };
  int code = 0;
  for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && code == 0; i++) {
    code = check_part(checks[i].what, checks[i].part, error);
  }
  return code;
}

/* ---- hints ---- */

/* The last LENGTH bytes before END, at most 8, in the upper bytes of a word. */
static uint64_t tail_of(const char *end, size_t length) {
  uint64_t word = 0;
  length = length < sizeof(word) ? length : sizeof(word);
  for (size_t i = 1; i <= length; i++) {
    word |= (uint64_t)(unsigned char)end[-(ptrdiff_t)i] << (64 - 8 * i);
  }
  return word;
}

/* How many bytes at the end of PATTERN stand for themselves. */
static size_t literal_tail(const char *pattern) {
  size_t length = strlen(pattern);
  size_t tail = 0;
  while (tail < length &&
         strchr("*?[]\\", pattern[length - 1 - tail]) == NULL) {
    tail++;
  }
  return tail;
}

static struct selector_hint hint_of_pattern(const char *pattern) {
  size_t head = strcspn(pattern, "-*?[\\");
  bool is_literal = pattern[head] == '\0' || pattern[head] == '-';
  size_t tail = literal_tail(pattern);
  struct selector_hint hint = {
      .head = is_literal ? fingerprint_of_bytes(pattern, head) : 0,
      .tail = tail_of(pattern + strlen(pattern), tail),
  };
  if (tail >= sizeof(hint.tail)) {
    hint.tail_mask = UINT64_MAX;
  } else if (tail > 0) {
    hint.tail_mask = UINT64_MAX << (64 - 8 * tail);
  }
  return hint;
}

/* text: NAME, then perhaps its instance. */
static struct selector_hint hint_of_text(const char *name, const char *text) {
  size_t length = strlen(text);
  return (struct selector_hint){
      .head = fingerprint_of_bytes(name, strlen(name)),
      .tail = tail_of(text + length, length),
  };
}

static bool may_match(const struct selector_hint *of_selector,
                      const struct selector_hint *of_name) {
  return ((of_selector->tail ^ of_name->tail) & of_selector->tail_mask) == 0 &&
         (of_selector->head == 0 || of_selector->head == of_name->head);
}

/* ---- selectors ---- */

int selector_parse(const char *metric, struct selector *ret_selector,
                   struct error *error) {
  struct selector selector = {.text = strdup(metric)};
  if (selector.text == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = split(selector.text, &selector, error);
  if (code == 0) {
    code = check_parts(&selector, error);
  }
  if (code != 0) {
    free(selector.text);
    return code;
  }
  selector.plugin_hint = hint_of_pattern(selector.plugin);
  selector.type_hint = hint_of_pattern(selector.type);
  *ret_selector = selector;
  return 0;
}

void selector_fini(struct selector *selector) {
  if (selector != NULL) {
    free(selector->text);
    memset(selector, 0, sizeof(*selector));
  }
}

static void join(const char *name, const char *instance, char *text,
                 size_t bytes) {
  (void)snprintf(text, bytes, "%s%s%s", name, instance[0] == '\0' ? "" : "-",
                 instance);
}

void selector_subject_init(struct selector_subject *subject,
                           const struct reading_names *names) {
  subject->host = names->host;
  join(names->plugin, names->plugin_instance, subject->plugin,
       sizeof(subject->plugin));
  join(names->type, names->type_instance, subject->type, sizeof(subject->type));
  subject->plugin_hint = hint_of_text(names->plugin, subject->plugin);
  subject->type_hint = hint_of_text(names->type, subject->type);
}

bool selector_matches(const struct selector *selector,
                      const struct selector_subject *subject) {
  return may_match(&selector->type_hint, &subject->type_hint) &&
         may_match(&selector->plugin_hint, &subject->plugin_hint) &&
         glob_matches(selector->type, subject->type) &&
         glob_matches(selector->plugin, subject->plugin) &&
         (selector->host == NULL ||
          glob_matches(selector->host, subject->host));
}

bool selector_matches_source(const struct selector *selector,
                             const char *source) {
  return selector->source == NULL || glob_matches(selector->source, source);
}
