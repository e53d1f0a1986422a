/* SPDX-License-Identifier: MIT */
/* pattern: what a line must hold: a plain text, or a PCRE2 regex that is tried
 * only on lines holding a text that every match of it must contain. */
#include "session_log/scan/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "session_log/scan/required.h"

/* Steps that one search may take: a few milliseconds. An honest pattern needs
 * less than ten a byte. */
#define MATCH_LIMIT 200000

struct pattern {
  char *plain; /* owned; NULL for a regex */
  size_t plain_bytes;
  pcre2_code *code;
  pcre2_match_data *data;
  pcre2_match_context *context;
  struct required required;
  struct pattern_span literals[PATTERN_LITERALS_MAX];
};

_Static_assert(PATTERN_LITERALS_MAX == REQUIRED_TEXTS_MAX, "one set");

static int compile_regex(struct pattern *pattern, const char *text,
                         struct error *error) {
  int problem = 0;
  PCRE2_SIZE position = 0;
  pattern->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0,
                                &problem, &position, NULL);
  if (pattern->code == NULL) {
    PCRE2_UCHAR reason[128];
    (void)pcre2_get_error_message(problem, reason, sizeof(reason));
    return error_set(error, -EINVAL,
                     "is not a regular expression: at position %zu: %s",
                     position, (const char *)reason);
  }
  /* Not every processor and not every kernel policy allows the JIT. */
  (void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
  pattern->data = pcre2_match_data_create_from_pattern(pattern->code, NULL);
  pattern->context = pcre2_match_context_create(NULL);
  if (pattern->data == NULL || pattern->context == NULL) {
    return -ENOMEM;
  }
  (void)pcre2_set_match_limit(pattern->context, MATCH_LIMIT);
  required_find(text, &pattern->required);
  return 0;
}

static int take_plain(struct pattern *pattern, const char *text) {
  pattern->plain = strdup(text);
  if (pattern->plain == NULL) {
    return -ENOMEM;
  }
  pattern->plain_bytes = strlen(text);
  pattern->literals[0].text = pattern->plain;
  pattern->literals[0].bytes = pattern->plain_bytes;
  pattern->required.len =
      pattern->plain_bytes < PATTERN_LITERAL_BYTES_MIN ? 0 : 1;
  return 0;
}

static int compile(struct pattern *pattern, const char *text,
                   struct error *error) {
  if (text[0] == '\0') {
    return error_set(error, -EINVAL, "must not be empty");
  }
  if (strpbrk(text, "\r\n") != NULL) {
    return error_set(error, -EINVAL, "cannot match: a line holds no newline");
  }
  if (required_is_plain(text)) {
    return take_plain(pattern, text);
  }
  int code = compile_regex(pattern, text, error);
  for (size_t i = 0; code == 0 && i < pattern->required.len; i++) {
    pattern->literals[i].text = pattern->required.texts[i].bytes;
    pattern->literals[i].bytes = pattern->required.texts[i].len;
    if (pattern->literals[i].bytes < PATTERN_LITERAL_BYTES_MIN) {
      pattern->required.len = 0;
    }
  }
  return code;
}

int pattern_new(const char *text, struct pattern **ret_pattern,
                struct error *error) {
  struct pattern *pattern = calloc(1, sizeof(*pattern));
  int code = pattern == NULL ? -ENOMEM : compile(pattern, text, error);
  if (code != 0) {
    pattern_free(pattern);
    return code;
  }
  *ret_pattern = pattern;
  return 0;
}

void pattern_free(struct pattern *pattern) {
  if (pattern == NULL) {
    return;
  }
  free(pattern->plain);
  pcre2_match_data_free(pattern->data);
  pcre2_match_context_free(pattern->context);
  pcre2_code_free(pattern->code);
  free(pattern);
}

size_t pattern_literals(const struct pattern *pattern,
                        const struct pattern_span **ret_literals) {
  *ret_literals = pattern->literals;
  return pattern->required.len;
}

bool pattern_is_literal(const struct pattern *pattern) {
  return pattern->plain != NULL;
}

static int match_regex(struct pattern *pattern, const char *line, size_t bytes,
                       struct pattern_span *ret_part) {
  int found = pcre2_match(pattern->code, (PCRE2_SPTR)line, bytes, 0, 0,
                          pattern->data, pattern->context);
  if (found < 0) {
    return found == PCRE2_ERROR_NOMATCH ? 0 : -E2BIG;
  }
  const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(pattern->data);
  size_t group = found > 1 && ends[2] != PCRE2_UNSET ? 1 : 0;
  if (ret_part != NULL && ends[2 * group] <= ends[2 * group + 1]) {
    ret_part->text = line + ends[2 * group];
    ret_part->bytes = ends[2 * group + 1] - ends[2 * group];
  }
  return 1;
}

int pattern_match(struct pattern *pattern, const char *line, size_t bytes,
                  struct pattern_span *ret_part) {
  if (pattern->plain == NULL) {
    return match_regex(pattern, line, bytes, ret_part);
  }
  const char *at = memmem(line, bytes, pattern->plain, pattern->plain_bytes);
  if (at == NULL) {
    return 0;
  }
  if (ret_part != NULL) {
    ret_part->text = at;
    ret_part->bytes = pattern->plain_bytes;
  }
  return 1;
}

int pattern_check(const char *text, struct error *error) {
  struct pattern *pattern = NULL;
  int code = pattern_new(text, &pattern, error);
  pattern_free(pattern);
  return code;
}

int pattern_check_filtered(const char *text, struct error *error) {
  struct pattern *pattern = NULL;
  int code = pattern_new(text, &pattern, error);
  if (code == 0 && pattern->required.len == 0) {
    code = error_set(error, -EINVAL,
                     "holds no plain text of %d or more characters that every "
                     "match contains",
                     PATTERN_LITERAL_BYTES_MIN);
  }
  pattern_free(pattern);
  return code;
}
