/* SPDX-License-Identifier: MIT */
/* selector: one Metric line: which series and data sources a row watches. */
#include "resource_alert/selector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/glob.h"
#include "resource_alert/fingerprint.h"

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
    return error_set(error, -EINVAL,
                     "is not [host/]plugin[-instance]/type[-instance]"
                     "[:data source]");
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

/* The hash of what stands before the first '-', 0 if that is a glob. */
static uint64_t hash_of_literal(const char *part) {
  size_t length = strcspn(part, "-*?[\\");
  bool is_literal = part[length] == '\0' || part[length] == '-';
  return is_literal ? fingerprint_of_bytes(part, length) : 0;
}

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
  selector.plugin_hash = hash_of_literal(selector.plugin);
  selector.type_hash = hash_of_literal(selector.type);
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
  subject->plugin_hash =
      fingerprint_of_bytes(names->plugin, strlen(names->plugin));
  subject->type_hash = fingerprint_of_bytes(names->type, strlen(names->type));
}

static bool may_match(uint64_t of_selector, uint64_t of_name) {
  return of_selector == 0 || of_selector == of_name;
}

bool selector_matches(const struct selector *selector,
                      const struct selector_subject *subject) {
  return may_match(selector->type_hash, subject->type_hash) &&
         may_match(selector->plugin_hash, subject->plugin_hash) &&
         glob_matches(selector->type, subject->type) &&
         glob_matches(selector->plugin, subject->plugin) &&
         (selector->host == NULL ||
          glob_matches(selector->host, subject->host));
}

bool selector_matches_source(const struct selector *selector,
                             const char *source) {
  return selector->source == NULL || glob_matches(selector->source, source);
}
