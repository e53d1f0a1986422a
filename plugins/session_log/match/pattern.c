/* SPDX-License-Identifier: MIT */
/* pattern: a plain text, or a PCRE2 regex with a text that each match contains,
 * so that it is tried only on lines that contain this text. */
#include "session_log/match/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* ---- the texts of which every match of a regex contains one ---- */

struct literal_set {
  struct pattern_span texts[PATTERN_LITERALS_MAX];
  size_t len; /* 0: nothing is known */
};

#define DEPTH_MAX 20 /* of nested groups */

struct regex_reader {
  const char *at;
  char *out; /* where the next literal character is stored */
  int depth;
  bool is_unknown; /* met something that this reader does not understand */
};

/* What parse_atom() returns for anything but one literal character. */
enum {
  ATOM_EMPTY = -1,  /* matches no character */
  ATOM_VARIED = -2, /* matches different texts */
};

enum atom_repetition {
  ATOM_ONCE,
  ATOM_REPEATED,
  ATOM_OPTIONAL,
};

static size_t find_shortest_bytes(const struct literal_set *set) {
  size_t bytes = set->len == 0 ? 0 : SIZE_MAX;
  for (size_t i = 0; i < set->len; i++) {
    bytes = set->texts[i].bytes < bytes ? set->texts[i].bytes : bytes;
  }
  return bytes;
}

/* Longer texts are rarer in a log; of equal ones the smaller set is better. */
static void keep_better_literals(struct literal_set *best,
                                 const struct literal_set *set) {
  size_t gain = find_shortest_bytes(set);
  size_t had = find_shortest_bytes(best);
  if (gain > had || (gain == had && set->len < best->len)) {
    *best = *set;
  }
}

/* Reads "?", "*", "+" or "{2,5}", if one follows. "{,3}" means different things
 * to different versions of PCRE2. */
static enum atom_repetition parse_quantifier(struct regex_reader *reader) {
  const char *at = reader->at;
  enum atom_repetition repetition = ATOM_ONCE;
  if (*at == '{') {
    size_t end = strcspn(at, "}");
    bool is_zero = strchr(",}", at[1 + strspn(at + 1, "0")]) != NULL;
    if (!isdigit((unsigned char)at[1]) || at[end] == '\0') {
      reader->is_unknown = true;
      return ATOM_OPTIONAL;
    }
    repetition = is_zero ? ATOM_OPTIONAL : ATOM_REPEATED;
    at += end + 1;
  } else if (*at == '?' || *at == '*' || *at == '+') {
    repetition = *at == '+' ? ATOM_REPEATED : ATOM_OPTIONAL;
    at++;
  }
  if (repetition != ATOM_ONCE && (*at == '?' || *at == '+')) {
    at++; /* lazy, possessive */
  }
  reader->at = at;
  return repetition;
}

/* Steps over a class such as "[a-z]"; a first ] in it is a character. */
static void skip_character_class(struct regex_reader *reader) {
  const char *at = reader->at + 1;
  at += *at == '^';
  at += *at == ']';
  for (; *at != ']' && *at != '\0'; at++) {
    const char *end = strncmp(at, "[:", 2) == 0 ? strstr(at, ":]") : NULL;
    if (end != NULL) {
      at = end + 1;
    } else if (at[0] == '\\' && at[1] != '\0') {
      reader->is_unknown |= at[1] == 'Q' || at[1] == 'E';
      at++;
    }
  }
  reader->is_unknown |= *at == '\0';
  reader->at = at + (*at == ']');
}

/* Escaped punctuation is literal. */
static int parse_regex_escape(struct regex_reader *reader) {
  unsigned char c = (unsigned char)reader->at[1];
  bool is_assertion = c != '\0' && strchr("bBAzZ", c) != NULL;
  bool is_class = c != '\0' && strchr("dDwWsShHvVNRtrnfae", c) != NULL;
  reader->is_unknown |= !ispunct(c) && !is_assertion && !is_class;
  reader->at += c == '\0' ? 1 : 2;
  return ispunct(c) ? c : is_assertion ? ATOM_EMPTY : ATOM_VARIED;
}

/* Steps over "(", "(?:", "(?<name>" and the like. Returns true if what follows
 * is a part of the match. */
static bool skip_group_head(struct regex_reader *reader) {
  static const struct {
    const char *text;
    bool is_matched;
  } heads[] = {{":", true},  {">", true},   {"=", false},
               {"!", false}, {"<=", false}, {"<!", false}};
  const char *at = reader->at + 1;
  reader->at = at;
  if (*at != '?') {
    reader->is_unknown |= *at == '*'; /* a verb */
    return true;
  }
  at++;
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
    if (strncmp(at, heads[i].text, strlen(heads[i].text)) == 0) {
      reader->at = at + strlen(heads[i].text);
      return heads[i].is_matched;
    }
  }
  const char *name = at + (at[0] == 'P' && at[1] == '<');
  const char *end =
      *name == '<' || *name == '\'' ? strpbrk(name + 1, ">'") : NULL;
  reader->is_unknown |= end == NULL; /* options, comments, conditions */
  reader->at = end == NULL ? at : end + 1;
  return true;
}

static void parse_alternation(struct regex_reader *reader,
                              struct literal_set *ret_set);

/* *ret_set: what the group requires, if it is matched. */
static void parse_regex_group(struct regex_reader *reader,
                              struct literal_set *ret_set) {
  bool is_matched = skip_group_head(reader);
  reader->is_unknown |= ++reader->depth > DEPTH_MAX;
  if (!reader->is_unknown) {
    parse_alternation(reader, ret_set);
  }
  reader->depth--;
  reader->is_unknown |= *reader->at != ')';
  reader->at += *reader->at == ')';
  ret_set->len = is_matched ? ret_set->len : 0;
}

/* Reads what a quantifier would repeat. Returns the character that it matches,
 * or ATOM_. *ret_inside: the texts that a group requires. */
static int parse_atom(struct regex_reader *reader,
                      struct literal_set *ret_inside) {
  switch (*reader->at) {
  case '\\':
    return parse_regex_escape(reader);
  case '(':
    parse_regex_group(reader, ret_inside);
    return ATOM_VARIED;
  case '[':
    skip_character_class(reader);
    return ATOM_VARIED;
  case '.':
    reader->at++;
    return ATOM_VARIED;
  case '^':
  case '$':
    reader->at++;
    return ATOM_EMPTY;
  default:
    return (unsigned char)*reader->at++;
  }
}

/* Up to the next "|" or ")". *ret_best: the best of what the branch requires,
 * of which each run of literal characters is a candidate. */
static void parse_branch(struct regex_reader *reader,
                         struct literal_set *ret_best) {
  struct literal_set run = {.texts = {{reader->out, 0}}, .len = 1};
  ret_best->len = 0;
  while (!reader->is_unknown && strchr("|)", *reader->at) == NULL) {
    struct literal_set inside = {.len = 0};
    int c = parse_atom(reader, &inside);
    if (c == ATOM_EMPTY) {
      continue;
    }
    enum atom_repetition repetition = parse_quantifier(reader);
    if (c >= 0 && repetition != ATOM_OPTIONAL) {
      *reader->out++ = (char)c;
      run.texts[0].bytes++;
    }
    if (c < 0 || repetition != ATOM_ONCE) {
      keep_better_literals(ret_best, &run);
      run.texts[0] = (struct pattern_span){reader->out, 0};
    }
    if (repetition != ATOM_OPTIONAL) {
      keep_better_literals(ret_best, &inside);
    }
  }
  keep_better_literals(ret_best, &run);
}

/* Every branch must require a text, or nothing is known. */
static void parse_alternation(struct regex_reader *reader,
                              struct literal_set *ret_set) {
  bool is_known = true;
  bool is_last = false;
  for (ret_set->len = 0; !is_last; reader->at++) {
    struct literal_set branch;
    parse_branch(reader, &branch);
    is_known = is_known && branch.len > 0 &&
               ret_set->len + branch.len <= PATTERN_LITERALS_MAX;
    for (size_t i = 0; is_known && i < branch.len; i++) {
      ret_set->texts[ret_set->len++] = branch.texts[i];
    }
    is_last = reader->is_unknown || *reader->at != '|';
  }
  reader->at--;
  ret_set->len = is_known ? ret_set->len : 0;
}

/* Reads the Perl-style REGEX and finds the set whose shortest text is longest.
 * What it does not understand (case folding, extended syntax, verbs) yields the
 * empty set; it never claims a text that a match could lack. out: at least as
 * long as the regex; holds the texts. */
static void find_required_texts(const char *regex, char *out,
                                struct literal_set *ret_set) {
  struct regex_reader reader = {.at = regex, .out = out};
  parse_alternation(&reader, ret_set);
  if (reader.is_unknown || *reader.at != '\0' ||
      find_shortest_bytes(ret_set) < PATTERN_LITERAL_BYTES_MIN) {
    ret_set->len = 0;
  }
}

/* True if TEXT has no character with a meaning in a regex. */
static bool is_plain_text(const char *text) {
  return text[strcspn(text, "\\^$.[]|()?*+{}")] == '\0';
}

/* ---- patterns ---- */

/* Steps that one search may take: a few milliseconds. A usual pattern needs
 * less than ten a byte. */
#define MATCH_LIMIT 200000

struct pattern {
  char *texts;        /* owned: the plain text, or those of the literals */
  size_t plain_bytes; /* 0 for a regex */
  pcre2_code *code;   /* NULL for a plain text */
  pcre2_match_data *data;
  pcre2_match_context *context;
  struct literal_set literals;
};

/* No option for UTF-8: a log may hold any bytes, and an invalid sequence would
 * end the search. */
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
  find_required_texts(text, pattern->texts, &pattern->literals);
  return 0;
}

/* A plain text is searched with memmem(3), which is faster than PCRE2 and
 * cannot backtrack. */
static int compile_pattern(struct pattern *pattern, const char *text,
                           struct error *error) {
  if (text[0] == '\0') {
    return error_set(error, -EINVAL, "must not be empty");
  }
  if (strpbrk(text, "\r\n") != NULL) {
    return error_set(error, -EINVAL, "cannot match: a line holds no newline");
  }
  pattern->texts = strdup(text);
  if (pattern->texts == NULL) {
    return -ENOMEM;
  }
  if (!is_plain_text(text)) {
    return compile_regex(pattern, text, error);
  }
  pattern->plain_bytes = strlen(text);
  pattern->literals.texts[0] =
      (struct pattern_span){pattern->texts, pattern->plain_bytes};
  pattern->literals.len = pattern->plain_bytes >= PATTERN_LITERAL_BYTES_MIN;
  return 0;
}

int pattern_new(const char *text, struct pattern **ret_pattern,
                struct error *error) {
  struct pattern *pattern = calloc(1, sizeof(*pattern));
  int code = pattern == NULL ? -ENOMEM : compile_pattern(pattern, text, error);
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
  free(pattern->texts);
  pcre2_match_data_free(pattern->data);
  pcre2_match_context_free(pattern->context);
  pcre2_code_free(pattern->code);
  free(pattern);
}

size_t pattern_get_literals(const struct pattern *pattern,
                            const struct pattern_span **ret_literals) {
  *ret_literals = pattern->literals.texts;
  return pattern->literals.len;
}

bool pattern_is_literal(const struct pattern *pattern) {
  return pattern->code == NULL;
}

/* As pattern_match(), by PCRE2. */
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
  if (pattern->code != NULL) {
    return match_regex(pattern, line, bytes, ret_part);
  }
  const char *at = memmem(line, bytes, pattern->texts, pattern->plain_bytes);
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

int pattern_check_has_literal(const char *text, struct error *error) {
  struct pattern *pattern = NULL;
  int code = pattern_new(text, &pattern, error);
  if (code == 0 && pattern->literals.len == 0) {
    code = error_set(error, -EINVAL,
                     "holds no plain text of %d or more characters that every "
                     "match contains",
                     PATTERN_LITERAL_BYTES_MIN);
  }
  pattern_free(pattern);
  return code;
}
