/* SPDX-License-Identifier: MIT */
/* query_text: the text of an SQL statement without its literals.
 *
 * The rules are those of "Lexical Structure" in PostgreSQL's manual. In doubt
 * more is masked, never less. */
#include "dbpool/query_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Bytes from 0x80 on belong to names. */
static bool is_name_start(char c) {
  return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name_char(char c) {
  return is_name_start(c) || isdigit((unsigned char)c) || c == '$';
}

static const char *skip_name(const char *at) {
  while (is_name_char(*at)) {
    at++;
  }
  return at;
}

/* AT: behind the opening quote. A backslash before a quote escapes it, or does
 * not, by the server's standard_conforming_strings: then all is literal. */
static const char *skip_string(const char *at, bool has_escapes) {
  for (; *at != '\0'; at++) {
    if (*at == '\\' && has_escapes && at[1] != '\0') {
      at++;
    } else if (*at == '\\' && at[1] == '\'') {
      return at + strlen(at);
    } else if (*at == '\'' && at[1] == '\'') {
      at++;
    } else if (*at == '\'') {
      return at + 1;
    }
  }
  return at;
}

/* AT: behind the opening quote of a name, which may contain any character. */
static const char *skip_quoted_name(const char *at) {
  while (*at != '\0' && *at != '"') {
    at++;
  }
  return *at == '"' ? at + 1 : at;
}

/* AT: "$$" or "$tag$". Returns AT where it is neither. */
static const char *skip_dollar_quoted(const char *at) {
  const char *end = at + 1;
  if (is_name_start(*end)) {
    for (end++; is_name_char(*end) && *end != '$'; end++) {
    }
  }
  if (*end != '$') {
    return at;
  }
  size_t bytes = (size_t)(end - at) + 1;
  const char *closing = end + 1;
  while (*closing != '\0' && strncmp(closing, at, bytes) != 0) {
    closing++;
  }
  return *closing == '\0' ? closing : closing + bytes;
}

/* AT: "--" or a slash and an asterisk, which may nest. */
static const char *skip_comment(const char *at) {
  if (*at == '-') {
    return at + strcspn(at, "\r\n");
  }
  int depth = 0;
  do {
    bool is_begin = at[0] == '/' && at[1] == '*';
    bool is_end = at[0] == '*' && at[1] == '/';
    depth += is_begin - is_end;
    at += is_begin || is_end ? 2 : 1;
  } while (*at != '\0' && depth > 0);
  return at;
}

/* A number, with what follows it at once: "1_000", "0x1f", "1.5e", "2and". */
static const char *skip_number(const char *at) {
  bool is_hex = at[0] == '0' && (at[1] == 'x' || at[1] == 'X');
  while (is_name_char(*at) || *at == '.' ||
         ((*at == '+' || *at == '-') && !is_hex &&
          (at[-1] == 'e' || at[-1] == 'E') && isdigit((unsigned char)at[1]))) {
    at++;
  }
  return at;
}

/* The end of the literal that AT begins with; AT where it begins with none.
 * E'..', B'..', X'..', N'..' and U&'..' are strings. */
static const char *skip_literal(const char *at) {
  bool has_prefix = *at != '\0' && strchr("eEbBxXnN", *at) != NULL;
  if (*at == '\'') {
    return skip_string(at + 1, false);
  }
  if (has_prefix && at[1] == '\'') {
    return skip_string(at + 2, *at == 'e' || *at == 'E');
  }
  if ((*at == 'u' || *at == 'U') && at[1] == '&' && at[2] == '\'') {
    return skip_string(at + 3, false);
  }
  if (*at == '$' && !isdigit((unsigned char)at[1])) {
    return skip_dollar_quoted(at);
  }
  bool is_number = isdigit((unsigned char)at[0]) ||
                   (at[0] == '.' && isdigit((unsigned char)at[1]));
  return is_number ? skip_number(at) : at;
}

/* The end of what stays as it is: a name, a parameter or one character. */
static const char *skip_kept(const char *at) {
  if (*at == '"') {
    return skip_quoted_name(at + 1);
  }
  return is_name_start(*at) || *at == '$' ? skip_name(at + 1) : at + 1;
}

void query_text_mask(char *to, size_t bytes, const char *sql) {
  size_t used = 0;
  while (*sql != '\0' && used + 1 < bytes) {
    bool is_comment =
        (sql[0] == '-' && sql[1] == '-') || (sql[0] == '/' && sql[1] == '*');
    const char *end = is_comment ? skip_comment(sql) : skip_literal(sql);
    if (end != sql) {
      to[used++] = is_comment ? ' ' : '?';
    } else {
      end = skip_kept(sql);
      size_t more = (size_t)(end - sql);
      size_t room = bytes - 1 - used;
      more = more < room ? more : room;
      memcpy(to + used, sql, more);
      used += more;
    }
    sql = end;
  }
  to[used] = '\0';
}
