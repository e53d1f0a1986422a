/* SPDX-License-Identifier: MIT */
/* required: the texts of which every match of a regex must contain one. */
#include "session_log/scan/required.h"

#include <ctype.h>
#include <string.h>

#define DEPTH_MAX 20 /* of nested groups */

struct reader {
  const char *at;
  int depth;
  bool is_lost; /* met something that this reader does not understand */
};

/* What one branch of an alternation is known to contain. */
struct branch {
  struct required_text run; /* the characters in a row that end here */
  struct required best;
};

static size_t shortest(const struct required *set) {
  size_t len = set->len == 0 ? 0 : REQUIRED_BYTES_MAX;
  for (size_t i = 0; i < set->len; i++) {
    len = set->texts[i].len < len ? set->texts[i].len : len;
  }
  return len;
}

static void offer(struct required *best, const struct required *set) {
  size_t gain = shortest(set);
  size_t had = shortest(best);
  if (gain > had || (gain == had && set->len < best->len)) {
    *best = *set;
  }
}

static void end_run(struct branch *branch) {
  if (branch->run.len > 0) {
    struct required set = {.len = 1};
    set.texts[0] = branch->run;
    offer(&branch->best, &set);
    branch->run.len = 0;
  }
}

static void add_to_run(struct branch *branch, char c) {
  if (branch->run.len == REQUIRED_BYTES_MAX) {
    end_run(branch);
  }
  branch->run.bytes[branch->run.len++] = c;
}

struct quantifier {
  bool is_there;
  bool allows_none;
};

static struct quantifier read_quantifier(struct reader *reader) {
  struct quantifier quantifier = {false, false};
  char c = *reader->at;
  if (c == '?' || c == '*' || c == '+') {
    quantifier = (struct quantifier){true, c != '+'};
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
    reader->is_lost = reader->is_lost || *reader->at == '\0';
    reader->at += *reader->at == '}';
  } else if (c == '{') { /* "{,3}" means different things to different PCRE2 */
    reader->is_lost = true;
  }
  if (quantifier.is_there && (*reader->at == '?' || *reader->at == '+')) {
    reader->at++; /* lazy, possessive */
  }
  return quantifier;
}

/* One literal character has been read; what follows may repeat it. */
static void take_character(struct reader *reader, struct branch *branch,
                           char c) {
  struct quantifier quantifier = read_quantifier(reader);
  if (!quantifier.allows_none) {
    add_to_run(branch, c);
  }
  if (quantifier.is_there) {
    end_run(branch);
  }
}

static void skip_class(struct reader *reader) {
  reader->at++; /* [ */
  reader->at += *reader->at == '^';
  reader->at += *reader->at == ']'; /* a first ] is a character */
  while (*reader->at != ']' && *reader->at != '\0') {
    if (reader->at[0] == '[' && reader->at[1] == ':') {
      const char *end = strstr(reader->at, ":]");
      reader->at = end == NULL ? reader->at : end + 1;
    }
    if (reader->at[0] == '\\') {
      reader->is_lost = reader->is_lost || strchr("QE", reader->at[1]) != NULL;
      reader->at += reader->at[1] != '\0';
    }
    reader->at++;
  }
  reader->is_lost = reader->is_lost || *reader->at == '\0';
  reader->at += *reader->at == ']';
}

static void take_escape(struct reader *reader, struct branch *branch) {
  unsigned char c = (unsigned char)reader->at[1];
  if (ispunct(c)) {
    reader->at += 2;
    take_character(reader, branch, (char)c);
  } else if (c == 'b' || c == 'B' || c == 'A' || c == 'z' || c == 'Z') {
    reader->at += 2; /* takes no room */
  } else if (c != '\0' && strchr("dDwWsShHvVNRtrnfae", c) != NULL) {
    reader->at += 2;
    (void)read_quantifier(reader);
    end_run(branch);
  } else {
    reader->is_lost = true;
  }
}

/* Steps over what follows "(?". True if the group's content must match. */
static bool read_group_head(struct reader *reader) {
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
    reader->at += *at == '<' ? 2 : 1; /* looks around, takes nothing */
    return false;
  }
  reader->is_lost = true; /* options, comments, conditions, recursion */
  return false;
}

static void read_alternation(struct reader *reader, struct required *ret_set);

static void take_group(struct reader *reader, struct branch *branch) {
  reader->at++; /* ( */
  bool counts = true;
  if (*reader->at == '*') {
    reader->is_lost = true;
  } else if (*reader->at == '?') {
    reader->at++;
    counts = read_group_head(reader);
  }
  end_run(branch);
  struct required inside = {0};
  if (++reader->depth > DEPTH_MAX) {
    reader->is_lost = true;
  } else {
    read_alternation(reader, &inside);
  }
  reader->depth--;
  reader->is_lost = reader->is_lost || *reader->at != ')';
  reader->at += *reader->at == ')';
  if (!read_quantifier(reader).allows_none && counts) {
    offer(&branch->best, &inside);
  }
}

static void read_branch(struct reader *reader, struct required *ret_set) {
  struct branch branch = {0};
  while (!reader->is_lost && strchr("|)", *reader->at) == NULL) {
    char c = *reader->at;
    switch (c) {
    case '\\':
      take_escape(reader, &branch);
      break;
    case '(':
      take_group(reader, &branch);
      break;
    case '[':
      skip_class(reader);
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
      take_character(reader, &branch, c);
      break;
    }
  }
  end_run(&branch);
  *ret_set = branch.best;
}

static void read_alternation(struct reader *reader, struct required *ret_set) {
  struct required set = {0};
  bool is_known = true;
  for (;;) {
    struct required branch;
    read_branch(reader, &branch);
    if (branch.len == 0 || set.len + branch.len > REQUIRED_TEXTS_MAX) {
      is_known = false;
    }
    for (size_t i = 0; is_known && i < branch.len; i++) {
      set.texts[set.len++] = branch.texts[i];
    }
    if (reader->is_lost || *reader->at != '|') {
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

void required_find(const char *regex, struct required *ret_required) {
  struct reader reader = {.at = regex};
  ret_required->len = 0;
  read_alternation(&reader, ret_required);
  if (reader.is_lost || *reader.at != '\0') {
    ret_required->len = 0;
  }
}

bool required_is_plain(const char *text) {
  return text[strcspn(text, "\\^$.[]|()?*+{}")] == '\0';
}
