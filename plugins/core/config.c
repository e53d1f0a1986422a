/* SPDX-License-Identifier: MIT */
/* config: collectd's configuration as a tree: keys with values and children. */
#include "core/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Arrays grow by one row: a block has few statements, a statement few
 * values. */
struct config_item *config_item_add_child(struct config_item *item) {
  struct config_item *larger =
      realloc(item->children, (item->children_len + 1) * sizeof(*larger));
  if (larger == NULL) {
    return NULL;
  }
  item->children = larger;
  struct config_item *child = &larger[item->children_len++];
  *child = (struct config_item){0};
  return child;
}

struct config_value *config_item_add_value(struct config_item *item) {
  struct config_value *larger =
      realloc(item->values, (item->values_len + 1) * sizeof(*larger));
  if (larger == NULL) {
    return NULL;
  }
  item->values = larger;
  struct config_value *value = &larger[item->values_len++];
  *value = (struct config_value){0};
  return value;
}

/* Linear: a block has few statements, and is read once. */
const struct config_item *config_item_find(const struct config_item *item,
                                           const char *key) {
  for (size_t i = 0; i < item->children_len; i++) {
    if (strcasecmp(item->children[i].key, key) == 0) {
      return &item->children[i];
    }
  }
  return NULL;
}

void config_item_fini(struct config_item *item) {
  if (item == NULL) {
    return;
  }
  for (size_t i = 0; i < item->values_len; i++) {
    free(item->values[i].string);
  }
  for (size_t i = 0; i < item->children_len; i++) {
    config_item_fini(&item->children[i]);
  }
  free(item->values);
  free(item->children);
  free(item->key);
  *item = (struct config_item){0};
}

#define DEPTH_MAX 32 /* no real configuration nests deeper */

/* Where reading is in the text. Positions of errors are taken from it, so it
 * is moved only past what was accepted. */
struct config_scanner {
  const char *at;
  const char *end;
  int line;
  const char *line_start;
  struct error *error;
};

/* Counted in bytes from 1, as editors and compilers do. */
static int get_current_column(const struct config_scanner *reader) {
  return (int)(reader->at - reader->line_start) + 1;
}

/* Writes what is wrong at the current position. Returns -EINVAL. */
static int fail_at_position(struct config_scanner *reader, const char *what) {
  (void)error_set(reader->error, -EINVAL, "line %d, column %d: %s",
                  reader->line, get_current_column(reader), what);
  return -EINVAL; /* a constant, for analyzers that see one file at a time */
}

static bool is_at_char(const struct config_scanner *reader, char c) {
  return reader->at < reader->end && *reader->at == c;
}

/* A line ends at "\n", at "\r\n", and at the end of the text; a "\r"
 * elsewhere is an ordinary character. */
static bool is_at_line_end(const struct config_scanner *reader) {
  return reader->at == reader->end || *reader->at == '\n' ||
         (*reader->at == '\r' && reader->end - reader->at > 1 &&
          reader->at[1] == '\n');
}

/* Passes the end of the line, if it is one, and starts the count of columns
 * again. */
static void skip_line_end(struct config_scanner *reader) {
  if (is_at_char(reader, '\r')) {
    reader->at++;
  }
  if (is_at_char(reader, '\n')) {
    reader->at++;
    reader->line++;
    reader->line_start = reader->at;
  }
}

/* Passes blanks, a comment, and the end of a line behind a backslash. */
static void skip_blanks(struct config_scanner *reader) {
  while (reader->at < reader->end) {
    char c = *reader->at;
    if (c == ' ' || c == '\t' || c == '\b') {
      reader->at++;
    } else if (c == '#') {
      while (!is_at_line_end(reader)) {
        reader->at++;
      }
    } else if (c == '\\') {
      struct config_scanner behind = *reader;
      behind.at++;
      if (behind.at == behind.end || !is_at_line_end(&behind)) {
        return;
      }
      skip_line_end(&behind);
      *reader = behind;
    } else {
      return;
    }
  }
}

/* Reads letters, digits and any of OTHERS up to the first other character;
 * WHAT is wrong where there are none. *ret_token: owned by the caller, also
 * where a later step fails. */
static int parse_config_token(struct config_scanner *reader, const char *others,
                              const char *what, char **ret_token) {
  const char *from = reader->at;
  while (reader->at < reader->end && *reader->at != '\0' &&
         (isalnum((unsigned char)*reader->at) != 0 ||
          strchr(others, *reader->at) != NULL)) {
    reader->at++;
  }
  if (reader->at == from) {
    return fail_at_position(reader, what);
  }
  *ret_token = strndup(from, (size_t)(reader->at - from));
  return *ret_token == NULL ? -ENOMEM : 0;
}

/* Reads the name of an option or a block. */
static int parse_config_word(struct config_scanner *reader, char **ret_word) {
  return parse_config_token(
      reader, "_", "expected an option's name, of letters, digits and _",
      ret_word);
}

/* Takes the escapes out of STRING, in place: a backslash gives the character
 * behind it; before the end of a line it goes, with the next line's blanks. */
static void unescape_string(char *string) {
  char *to = string;
  for (const char *from = string; *from != '\0'; from++) {
    if (*from == '\\' && from[1] != '\0') {
      from++;
      if (*from == '\n') {
        from += strspn(from + 1, " \t");
        continue;
      }
    }
    *to++ = *from;
  }
  *to = '\0';
}

/* Reads a string with its quotes. It may span lines, which count for the
 * positions of later errors. */
static int parse_quoted_string(struct config_scanner *reader,
                               char **ret_string) {
  const char *from = reader->at + 1;
  const char *close = from;
  const char *line_start = reader->line_start;
  int lines = 0;
  while (close < reader->end && *close != '"') {
    bool is_escape = *close == '\\' && reader->end - close > 1;
    close += is_escape ? 1 : 0;
    if (*close == '\n') {
      lines++;
      line_start = close + 1;
    }
    close++;
  }
  if (close == reader->end) {
    return fail_at_position(reader,
                            "the string that starts here has no closing \"");
  }
  *ret_string = strndup(from, (size_t)(close - from));
  if (*ret_string == NULL) {
    return -ENOMEM;
  }
  unescape_string(*ret_string);
  reader->at = close + 1;
  reader->line += lines;
  reader->line_start = line_start;
  return 0;
}

/* What a bare token means: a boolean, a number, an address or a word. */
static int parse_bare_value(struct config_scanner *reader,
                            struct config_value *value) {
  int code = parse_config_token(reader, "_+-.:[]",
                                "this character must be inside \"quotes\"",
                                &value->string);
  if (code != 0) {
    return code;
  }
  static const char *const words[] = {"false", "no",  "off",
                                      "true",  "yes", "on"};
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
    if (strcmp(value->string, words[i]) == 0) {
      value->kind = CONFIG_BOOLEAN;
      value->boolean = i >= 3;
    }
  }
  char *rest = NULL;
  double number = strtod(value->string, &rest);
  if (*rest == '\0' && isalpha((unsigned char)value->string[0]) == 0) {
    value->kind = CONFIG_NUMBER; /* inf and nan are words */
    value->number = number;
  }
  if (value->kind != CONFIG_STRING) {
    free(value->string);
    value->string = NULL;
  }
  return 0;
}

/* Reads values to the end of the line or to the '>' of a tag. */
static int parse_config_values(struct config_scanner *reader,
                               struct config_item *item) {
  for (;;) {
    skip_blanks(reader);
    if (is_at_line_end(reader) || *reader->at == '>') {
      return 0;
    }
    struct config_value *value = config_item_add_value(item);
    if (value == NULL) {
      return -ENOMEM;
    }
    int code;
    if (*reader->at == '"') {
      value->kind = CONFIG_STRING;
      code = parse_quoted_string(reader, &value->string);
    } else {
      code = parse_bare_value(reader, value);
    }
    if (code != 0) {
      return code;
    }
  }
}

/* Only a comment may follow a statement on its line. collectd's own parser
 * reports "syntax error" there, without saying why. */
static int skip_statement_end(struct config_scanner *reader) {
  skip_blanks(reader);
  if (!is_at_line_end(reader)) {
    return fail_at_position(
        reader, "expected the end of the line; collectd wants every "
                "option and every block tag on a line of its own");
  }
  skip_line_end(reader);
  return 0;
}

/* Passes the '>' of a tag and the end of its line. */
static int skip_tag_end(struct config_scanner *reader) {
  skip_blanks(reader);
  if (!is_at_char(reader, '>')) {
    return fail_at_position(reader, "this block tag has no closing >");
  }
  reader->at++;
  return skip_statement_end(reader);
}

static int parse_config_statements(struct config_scanner *reader,
                                   struct config_item *parent, int depth);

/* Behind "</": the closing tag of the block KEY. */
static int parse_block_end(struct config_scanner *reader, const char *key) {
  char *word = NULL;
  skip_blanks(reader);
  int code = parse_config_word(reader, &word);
  if (code == 0 && (key == NULL || strcmp(word, key) != 0)) {
    code = error_set(reader->error, -EINVAL,
                     "line %d, column %d: </%s> closes %s%s%s", reader->line,
                     get_current_column(reader) - (int)strlen(word), word,
                     key == NULL ? "no block" : "<", key == NULL ? "" : key,
                     key == NULL ? "" : ">");
  }
  free(word);
  return code == 0 ? skip_tag_end(reader) : code;
}

/* Reads a statement from its name on: an option with one value or more, or,
 * behind its '<', a block up to its closing tag. */
static int parse_config_statement(struct config_scanner *reader,
                                  struct config_item *item, bool is_tag,
                                  int depth) {
  int code = parse_config_word(reader, &item->key);
  if (code == 0) {
    code = parse_config_values(reader, item);
  }
  if (code == 0 && is_tag) {
    code = skip_tag_end(reader);
    return code == 0 ? parse_config_statements(reader, item, depth + 1) : code;
  }
  if (code == 0 && item->values_len == 0) {
    code =
        error_set(reader->error, -EINVAL, "line %d, column %d: %s has no value",
                  item->line, item->column, item->key);
  }
  return code == 0 ? skip_statement_end(reader) : code;
}

/* Reads statements into PARENT up to its closing tag, or to the end of the
 * text for the root, which has no key. Blocks recurse, at most DEPTH_MAX
 * deep. */
static int parse_config_statements(struct config_scanner *reader,
                                   struct config_item *parent, int depth) {
  for (;;) {
    skip_blanks(reader);
    if (reader->at == reader->end) {
      return parent->key == NULL
                 ? 0
                 : error_set(reader->error, -EINVAL,
                             "line %d, column %d: <%s> is never closed",
                             parent->line, parent->column, parent->key);
    }
    if (is_at_line_end(reader)) {
      skip_line_end(reader);
      continue;
    }
    bool is_tag = is_at_char(reader, '<');
    reader->at += is_tag ? 1 : 0;
    skip_blanks(reader);
    if (is_tag && is_at_char(reader, '/')) {
      reader->at++;
      return parse_block_end(reader, parent->key);
    }
    if (is_tag && depth >= DEPTH_MAX) {
      return fail_at_position(reader, "blocks are nested too deeply");
    }
    struct config_item *item = config_item_add_child(parent);
    if (item == NULL) {
      return -ENOMEM;
    }
    item->line = reader->line;
    item->column = get_current_column(reader);
    int code = parse_config_statement(reader, item, is_tag, depth);
    if (code != 0) {
      return code;
    }
  }
}

/* The reader needs no copy of the text, and no NUL at its end. */
int config_text_parse(const char *text, size_t bytes, struct config_item *root,
                      struct error *error) {
  struct config_scanner reader = {.at = text,
                                  .end = text + bytes,
                                  .line = 1,
                                  .line_start = text,
                                  .error = error};
  int code = parse_config_statements(&reader, root, 0);
  if (code == -ENOMEM) {
    (void)error_set(error, code, "line %d: out of memory", reader.line);
  }
  if (code != 0) {
    config_item_fini(root);
  }
  return code;
}
