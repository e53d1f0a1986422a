/* SPDX-License-Identifier: MIT */
/* config: collectd's configuration as a tree: keys with values and children. */
#include "core/config.h"

#include <arpa/inet.h>
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
  int skipped_column; /* of the first in this statement; 0: none */
  /* Where the last string begins that spans lines, and the line it ends in. */
  int string_line, string_column, string_end_line;
  struct error *error;
};

/* Counted in bytes from 1, as editors and compilers do. */
static int get_current_column(const struct config_scanner *reader) {
  return (int)(reader->at - reader->line_start) + 1;
}

/* Writes what is wrong at the current position. Returns -EINVAL. */
static int fail_at_position(struct config_scanner *reader, const char *what) {
  if (reader->string_end_line == reader->line) { /* a quote too few */
    return error_set(reader->error, -EINVAL,
                     "line %d, column %d: the string that starts here runs "
                     "over the end of its line; close it with \"",
                     reader->string_line, reader->string_column);
  }
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

/* Passes the decimal digits at AT. */
static const char *skip_digits(const char *at, const char *end) {
  while (at < end && isdigit((unsigned char)*at) != 0) {
    at++;
  }
  return at;
}

/* Bytes of a number: [+-]digits, [+-]digits.digits with an exponent that has a
 * sign, or 0x and hexadecimal digits. 0: there is none. */
static size_t measure_number(const char *from, const char *end) {
  const char *at = from + (from < end && (*from == '+' || *from == '-'));
  const char *whole = skip_digits(at, end);
  size_t length = whole > at ? (size_t)(whole - from) : 0;
  if (end - from > 2 && from[0] == '0' && (from[1] | ' ') == 'x') {
    at = from + 2;
    while (at < end && isxdigit((unsigned char)*at) != 0) {
      at++;
    }
    length = at > from + 2 ? (size_t)(at - from) : length;
  }
  if (end - whole > 1 && whole[0] == '.' &&
      isdigit((unsigned char)whole[1]) != 0) {
    whole = skip_digits(whole + 1, end);
    length = (size_t)(whole - from);
    if (end - whole > 2 && (whole[0] | ' ') == 'e' &&
        (whole[1] == '+' || whole[1] == '-') &&
        isdigit((unsigned char)whole[2]) != 0) {
      length = (size_t)(skip_digits(whole + 2, end) - from);
    }
  }
  return length;
}

/* Bytes of an IP address, IPv6 also in brackets, with or without a port.
 * 0: there is none. */
static size_t measure_address(const char *from, const char *end) {
  bool has_bracket = from < end && *from == '[';
  const char *at = from + has_bracket;
  char text[INET6_ADDRSTRLEN] = "";
  unsigned char address[16];
  size_t length = 0;
  while (length + 1 < sizeof(text) && at + length < end &&
         (isxdigit((unsigned char)at[length]) != 0 || at[length] == ':' ||
          at[length] == '.')) {
    text[length] = at[length];
    length++;
  }
  bool is_v6 = false;
  for (; length > 0; text[--length] = '\0') {
    is_v6 = inet_pton(AF_INET6, text, address) == 1;
    if (is_v6 || (!has_bracket && inet_pton(AF_INET, text, address) == 1)) {
      break;
    }
  }
  at += length;
  if (length == 0 || (has_bracket && (at == end || *at++ != ']'))) {
    return 0;
  }
  const char *port = at < end && *at == ':' ? skip_digits(at + 1, end) : at;
  return (size_t)((is_v6 && !has_bracket) || port - at < 2 ? at - from
                                                           : port - from);
}

/* Bytes of the bare token at the current position, the longest that collectd's
 * scanner finds: a word, a number or an address. 0: there is none. */
static size_t measure_token(const struct config_scanner *reader,
                            enum config_kind *ret_kind) {
  const char *at = reader->at;
  size_t word = 0;
  while (at + word < reader->end &&
         (isalnum((unsigned char)at[word]) != 0 || at[word] == '_')) {
    word++;
  }
  size_t number = measure_number(at, reader->end);
  size_t address = measure_address(at, reader->end);
  *ret_kind =
      number >= word && number > address ? CONFIG_NUMBER : CONFIG_STRING;
  size_t longest = word > number ? word : number;
  return longest > address ? longest : address;
}

/* The closing quote of the string at the current position; NULL: none. */
static const char *find_string_end(const struct config_scanner *reader) {
  const char *at = reader->at + 1;
  while (at < reader->end && *at != '"') {
    at += *at == '\\' && reader->end - at > 1 ? 2 : 1;
  }
  return at < reader->end ? at : NULL;
}

/* Passes blanks, a comment, and the end of a line behind a backslash; also any
 * character that begins no token, which collectd skips, too. */
static void skip_blanks(struct config_scanner *reader) {
  enum config_kind kind;
  while (!is_at_line_end(reader)) {
    char c = *reader->at;
    if (c == ' ' || c == '\t' || c == '\b') {
      reader->at++;
      continue;
    }
    if (c == '#') {
      while (!is_at_line_end(reader)) {
        reader->at++;
      }
      return;
    }
    struct config_scanner behind = *reader;
    behind.at++;
    if (c == '\\' && behind.at < behind.end && is_at_line_end(&behind)) {
      skip_line_end(&behind);
      *reader = behind;
      continue;
    }
    if ((c != '\0' && strchr("<>/", c) != NULL) ||
        (c == '"' && find_string_end(reader) != NULL) ||
        measure_token(reader, &kind) > 0) {
      return;
    }
    if (reader->skipped_column == 0) {
      reader->skipped_column = get_current_column(reader);
    }
    reader->at++;
  }
}

/* What a word of the scanner means: 1 true, 0 false, -1 neither. */
static int find_boolean(const char *word) {
  static const char *const words[] = {"false", "no",  "off",
                                      "true",  "yes", "on"};
  for (int i = 0; i < 6; i++) {
    if (strcmp(word, words[i]) == 0) {
      return i >= 3;
    }
  }
  return -1;
}

/* Reads the name of an option or a block; a number or a boolean is none.
 * *ret_word: owned by the caller, also where a later step fails. */
static int parse_config_word(struct config_scanner *reader, char **ret_word) {
  enum config_kind kind = CONFIG_NUMBER;
  size_t length = measure_token(reader, &kind);
  *ret_word = strndup(reader->at, length);
  if (*ret_word == NULL) {
    return -ENOMEM;
  }
  if (length == 0 || kind == CONFIG_NUMBER || strpbrk(*ret_word, ".:") ||
      find_boolean(*ret_word) >= 0) {
    return fail_at_position(
        reader, "expected an option's name, of letters, digits and _");
  }
  reader->at += length;
  return 0;
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
  const char *close = find_string_end(reader); /* there is one */
  const char *line_start = reader->line_start;
  int lines = 0;
  for (const char *at = from; at < close; at++) {
    if (*at == '\n') {
      lines++;
      line_start = at + 1;
    }
  }
  if (lines > 0 && reader->string_end_line != reader->line) {
    reader->string_line = reader->line;
    reader->string_column = get_current_column(reader);
  }
  if (lines > 0) { /* of several, each begun where one ended, the first */
    reader->string_end_line = reader->line + lines;
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
  size_t length = measure_token(reader, &value->kind);
  if (length == 0) { /* '/' or '<' */
    return fail_at_position(reader, "this character must be inside \"quotes\"");
  }
  value->string = strndup(reader->at, length);
  if (value->string == NULL) {
    return -ENOMEM;
  }
  reader->at += length;
  int boolean = find_boolean(value->string);
  if (boolean >= 0) {
    value->kind = CONFIG_BOOLEAN;
    value->boolean = boolean == 1;
  } else if (value->kind == CONFIG_NUMBER) {
    value->number = strtod(value->string, NULL);
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
    const char *behind = reader->at;
    skip_blanks(reader);
    if (is_at_line_end(reader) || *reader->at == '>') {
      return 0;
    }
    if (reader->at == behind && reader->skipped_column == 0) {
      reader->skipped_column = get_current_column(reader); /* no blank */
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
  if (reader->at == reader->end) {
    return fail_at_position(reader, "the file ends without a newline, which "
                                    "collectd refuses; end this line");
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
  item->skipped_column = reader->skipped_column;
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
    reader->skipped_column = 0;
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
    if (item->values_len + item->children_len == 0) { /* as collectd does */
      config_item_fini(item);
      parent->children_len--;
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
