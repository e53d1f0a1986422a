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

#include "session_log/match/pattern.h"

/* ---- the texts of which every match of a regex contains one ---- */

#define REQUIRED_BYTES_MAX 64

struct literal_text {
  char bytes[REQUIRED_BYTES_MAX];
  size_t len;
};

/* All zero: nothing is known. */
struct literal_set {
  struct literal_text texts[PATTERN_LITERALS_MAX];
  size_t len;
};

#define DEPTH_MAX 20 /* of nested groups */

struct regex_reader {
  const char *at;
  int depth;
  bool is_unknown; /* met something that this reader does not understand */
};

/* What one branch of an alternation is known to contain. */
struct regex_branch {
  struct literal_text run; /* the characters in a row that end here */
  struct literal_set best;
};

static size_t shortest_text(const struct literal_set *set) {
  size_t len = set->len == 0 ? 0 : REQUIRED_BYTES_MAX;
  for (size_t i = 0; i < set->len; i++) {
    len = set->texts[i].len < len ? set->texts[i].len : len;
  }
  return len;
}

/* Longer texts are rarer in a log; of equal ones the smaller set is better. */
static void choose_better(struct literal_set *best,
                          const struct literal_set *set) {
  size_t gain = shortest_text(set);
  size_t had = shortest_text(best);
  if (gain > had || (gain == had && set->len < best->len)) {
    *best = *set;
  }
}

/* What follows is not a literal character: the run is one candidate. */
static void end_run(struct regex_branch *branch) {
  if (branch->run.len > 0) {
    struct literal_set set = {.len = 1};
    set.texts[0] = branch->run;
    choose_better(&branch->best, &set);
    branch->run.len = 0;
  }
}

static void add_to_run(struct regex_branch *branch, char c) {
  if (branch->run.len == REQUIRED_BYTES_MAX) {
    end_run(branch);
  }
  branch->run.bytes[branch->run.len++] = c;
}

struct regex_quantifier {
  bool is_there;
  bool allows_none;
};

/* Reads "?", "*", "+" or "{2,5}", if one follows. Only whether it allows no
 * repetition at all matters here. */
static struct regex_quantifier read_quantifier(struct regex_reader *reader) {
  struct regex_quantifier quantifier = {false, false};
  char c = *reader->at;
  if (c == '?' || c == '*' || c == '+') {
    quantifier = (struct regex_quantifier){true, c != '+'};
    reader->at++;
  } else if (c == '{' && isdigit((unsigned char)reader->at[1])) {
    quantifier.is_there = true;
    quantifier.allows_none = true;
    for (reader->at++; *reader->at != '}' && *reader->at != '\0';
         reader->at++) {
      if (*reader->at == ',') {
        reader->at += strcspn(reader->at, "}");
        break;
      }
      quantifier.allows_none = quantifier.allows_none && *reader->at == '0';
    }
    reader->is_unknown = reader->is_unknown || *reader->at == '\0';
    reader->at += *reader->at == '}';
  } else if (c == '{') { /* "{,3}" means different things to different PCRE2 */
    reader->is_unknown = true;
  }
  if (quantifier.is_there && (*reader->at == '?' || *reader->at == '+')) {
    reader->at++; /* lazy, possessive */
  }
  return quantifier;
}

/* One literal character has been read; what follows may repeat it. */
static void read_character(struct regex_reader *reader,
                           struct regex_branch *branch, char c) {
  struct regex_quantifier quantifier = read_quantifier(reader);
  if (!quantifier.allows_none) {
    add_to_run(branch, c);
  }
  if (quantifier.is_there) {
    end_run(branch);
  }
}

/* A class such as "[a-z]" ends a run: it matches different characters. */
static void skip_character_class(struct regex_reader *reader) {
  reader->at++; /* [ */
  reader->at += *reader->at == '^';
  reader->at += *reader->at == ']'; /* a first ] is a character */
  while (*reader->at != ']' && *reader->at != '\0') {
    if (reader->at[0] == '[' && reader->at[1] == ':') {
      const char *end = strstr(reader->at, ":]");
      reader->at = end == NULL ? reader->at : end + 1;
    }
    if (reader->at[0] == '\\') {
      reader->is_unknown =
          reader->is_unknown || strchr("QE", reader->at[1]) != NULL;
      reader->at += reader->at[1] != '\0';
    }
    reader->at++;
  }
  reader->is_unknown = reader->is_unknown || *reader->at == '\0';
  reader->at += *reader->at == ']';
}

/* Escaped punctuation is literal, assertions match nothing, classes end a run;
 * the rest is not understood. */
static void read_escape(struct regex_reader *reader,
                        struct regex_branch *branch) {
  unsigned char c = (unsigned char)reader->at[1];
  if (ispunct(c)) {
    reader->at += 2;
    read_character(reader, branch, (char)c);
  } else if (c == 'b' || c == 'B' || c == 'A' || c == 'z' || c == 'Z') {
    reader->at += 2; /* matches no character */
  } else if (c != '\0' && strchr("dDwWsShHvVNRtrnfae", c) != NULL) {
    reader->at += 2;
    (void)read_quantifier(reader);
    end_run(branch);
  } else {
    reader->is_unknown = true;
  }
}

/* Steps over what follows "(?". True if the group's content must match. */
static bool read_group_head(struct regex_reader *reader) {
  const char *at = reader->at;
  if (*at == ':' || *at == '>') {
    reader->at++;
    return true;
  }
  const char *ends = *at == '\'' ? "'" : ">";
  bool is_named = (*at == '\'') ||
                  (*at == '<' && at[1] != '=' && at[1] != '!') ||
                  (at[0] == 'P' && at[1] == '<');
  if (is_named) {
    reader->at += 2;
    reader->at += strcspn(reader->at, ends);
    reader->at += *reader->at != '\0';
    return true;
  }
  if (*at == '=' || *at == '!' || *at == '<') {
    reader->at += *at == '<' ? 2 : 1; /* lookaround: matches no character */
    return false;
  }
  reader->is_unknown = true; /* options, comments, conditions, recursion */
  return false;
}

static void read_alternation(struct regex_reader *reader,
                             struct literal_set *ret_set);

/* The texts of a group are required unless its quantifier allows none of it. */
static void read_group(struct regex_reader *reader,
                       struct regex_branch *branch) {
  reader->at++; /* ( */
  bool counts = true;
  if (*reader->at == '*') {
    reader->is_unknown = true;
  } else if (*reader->at == '?') {
    reader->at++;
    counts = read_group_head(reader);
  }
  end_run(branch);
  struct literal_set inside = {0};
  if (++reader->depth > DEPTH_MAX) {
    reader->is_unknown = true;
  } else {
    read_alternation(reader, &inside);
  }
  reader->depth--;
  reader->is_unknown = reader->is_unknown || *reader->at != ')';
  reader->at += *reader->at == ')';
  if (!read_quantifier(reader).allows_none && counts) {
    choose_better(&branch->best, &inside);
  }
}

/* Up to the next "|" or ")". *ret_set: the best of what the branch requires. */
static void read_branch(struct regex_reader *reader,
                        struct literal_set *ret_set) {
  struct regex_branch branch = {0};
  while (!reader->is_unknown && strchr("|)", *reader->at) == NULL) {
    char c = *reader->at;
    switch (c) {
    case '\\':
      read_escape(reader, &branch);
      break;
    case '(':
      read_group(reader, &branch);
      break;
    case '[':
      skip_character_class(reader);
      (void)read_quantifier(reader);
      end_run(&branch);
      break;
    case '.':
      reader->at++;
      (void)read_quantifier(reader);
      end_run(&branch);
      break;
    case '^':
    case '$':
      reader->at++;
      break;
    default:
      reader->at++;
      read_character(reader, &branch, c);
      break;
    }
  }
  end_run(&branch);
  *ret_set = branch.best;
}

static void read_alternation(struct regex_reader *reader,
                             struct literal_set *ret_set) {
  struct literal_set set = {0};
  bool is_known = true;
  for (;;) {
    struct literal_set branch;
    read_branch(reader, &branch);
    if (branch.len == 0 || set.len + branch.len > PATTERN_LITERALS_MAX) {
      is_known = false;
    }
    for (size_t i = 0; is_known && i < branch.len; i++) {
      set.texts[set.len++] = branch.texts[i];
    }
    if (reader->is_unknown || *reader->at != '|') {
      break;
    }
    reader->at++;
  }
  if (is_known) {
    *ret_set = set;
  } else {
    ret_set->len = 0;
  }
}

/* Reads the Perl-style REGEX and finds the set whose shortest text is longest.
 * What it does not understand (case folding, extended syntax, verbs) yields
 * the empty set; it never claims a text that a match could lack. */
static void find_required_texts(const char *regex,
                                struct literal_set *ret_required) {
  struct regex_reader reader = {.at = regex};
  ret_required->len = 0;
  read_alternation(&reader, ret_required);
  if (reader.is_unknown || *reader.at != '\0') {
    ret_required->len = 0;
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
  char *plain; /* owned; NULL for a regex */
  size_t plain_bytes;
  pcre2_code *code;
  pcre2_match_data *data;
  pcre2_match_context *context;
  struct literal_set required;
  struct pattern_span literals[PATTERN_LITERALS_MAX];
};

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
  find_required_texts(text, &pattern->required);
  return 0;
}

static int set_plain_text(struct pattern *pattern, const char *text) {
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

static int compile_pattern(struct pattern *pattern, const char *text,
                           struct error *error) {
  if (text[0] == '\0') {
    return error_set(error, -EINVAL, "must not be empty");
  }
  if (strpbrk(text, "\r\n") != NULL) {
    return error_set(error, -EINVAL, "cannot match: a line holds no newline");
  }
  if (is_plain_text(text)) {
    return set_plain_text(pattern, text);
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
