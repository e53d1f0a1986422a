/* SPDX-License-Identifier: MIT */
/* line_json: the time, the level and the message of a JSON object. */
#include "session_log/match/line_json.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "session_log/match/level_words.h"
#include "session_log/match/line_cursor.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define DEPTH_MAX 8

/* Names of fields, in any case. */
static const char *const level_names[] = {
    "level",    "levelname", "level_name",   "severity",
    "lvl",      "@l",        "log.level",    "loglevel",
    "priority", "log_level", "severityText", "@level",
};
static const char *const time_names[] = {
    "timestamp", "time", "@timestamp", "ts",  "asctime",
    "datetime",  "@t",   "timeMillis", "date"};

struct json_walk {
  struct line_reader *reader;
  struct line_fields *fields;
  struct pattern_span parents[DEPTH_MAX]; /* the names of the objects around */
  size_t depth;                           /* 1: in the outermost object */
};

/* One member; value: with its quotes. */
struct json_member {
  struct pattern_span name, value;
};

static bool is_name(const struct pattern_span *name, const char *wanted) {
  bool may_be = name->bytes > 0 && /* most are not */
                ((name->text[0] ^ wanted[0]) & ~0x20) == 0;
  return may_be && strncasecmp(name->text, wanted, name->bytes) == 0 &&
         wanted[name->bytes] == '\0';
}

static bool is_any_name(const struct pattern_span *name,
                        const char *const *list, size_t len) {
  bool is_there = false;
  for (size_t i = 0; i < len && !is_there; i++) {
    is_there = is_name(name, list[i]);
  }
  return is_there;
}

static void skip_blanks(struct line_cursor *at) {
  while (line_cursor_skip_one_of(at, " \t")) {
  }
}

/* Steps over a string. Returns false where it is cut off. */
static bool skip_string(struct line_cursor *at, struct pattern_span *ret_text) {
  const char *from = ++at->at;
  for (; at->at < at->end && *at->at != '"'; at->at++) {
    at->at += *at->at == '\\' && at->at + 1 < at->end;
  }
  ret_text->text = from;
  ret_text->bytes = (size_t)(at->at - from);
  return line_cursor_skip_char(at, '"');
}

/* Steps over a number, a word or a whole array. */
static void skip_plain_value(struct line_cursor *at) {
  struct pattern_span ignored;
  int depth = 0;
  for (; at->at < at->end; at->at++) {
    char c = *at->at;
    if (c == '"') {
      if (!skip_string(at, &ignored)) {
        return;
      }
      at->at--;
    } else if (c == '[' || c == '{') {
      depth++;
    } else if (c == ']' || c == '}') {
      if (depth == 0) {
        return;
      }
      depth--;
    } else if (c == ',' && depth == 0) {
      return;
    }
  }
}

/* ---- members ---- */

static bool is_parent(const struct json_walk *walk, const char *name) {
  return walk->depth >= 2 && is_name(&walk->parents[walk->depth - 1], name);
}

/* At the top; in ECS's "log", in logstash's "@fields"; loguru's "level" is an
 * object with a name. */
static bool is_level_member(const struct json_walk *walk,
                            const struct json_member *member) {
  if (walk->reader->level_field != NULL) {
    return walk->depth == 1 &&
           is_name(&member->name, walk->reader->level_field);
  }
  return (walk->depth == 1 &&
          is_any_name(&member->name, level_names, LENGTH(level_names))) ||
         (walk->depth == 2 &&
          (is_parent(walk, "log") || is_parent(walk, "@fields")) &&
          is_name(&member->name, "level")) ||
         (is_parent(walk, "level") && is_name(&member->name, "name"));
}

static bool is_time_member(const struct json_walk *walk,
                           const struct json_member *member) {
  return (walk->depth == 1 &&
          is_any_name(&member->name, time_names, LENGTH(time_names))) ||
         (is_parent(walk, "time") && is_name(&member->name, "timestamp")) ||
         (is_parent(walk, "instant") && is_name(&member->name, "epochSecond"));
}

/* The word of a value, without colours, blanks and slog's "+4". */
static enum level_class classify_word(const struct pattern_span *value) {
  struct line_cursor at = {value->text, value->text + value->bytes};
  if (line_cursor_skip_text(&at, "\\u001b[")) {
    while (at.at < at.end && *at.at++ != 'm') {
    }
  }
  skip_blanks(&at);
  const char *from = at.at;
  while (at.at < at.end &&
         (isalpha((unsigned char)*at.at) || !isascii((unsigned char)*at.at))) {
    at.at++;
  }
  bool is_whole = at.at == at.end || *at.at == '\\' || *at.at == ' ' ||
                  *at.at == '+' || *at.at == '-';
  return is_whole ? level_words_classify(from, (size_t)(at.at - from))
                  : LEVEL_NONE;
}

/* pino and bunyan have 50 and 60 for errors, GELF the numbers of syslog;
 * journald's export has these in quotes. Others stand beside a name. */
static enum level_class classify_number(const struct pattern_span *value) {
  char first = value->text[0];
  if (value->bytes == 1) {
    return first <= '3' ? LEVEL_ERROR : LEVEL_BELOW_ERROR;
  }
  return value->bytes != 2              ? LEVEL_NONE
         : first == '5' || first == '6' ? LEVEL_ERROR
                                        : LEVEL_BELOW_ERROR;
}

static void take_level(struct json_walk *walk,
                       const struct json_member *member) {
  bool is_number =
      member->value.bytes > 0 && isdigit((unsigned char)member->value.text[0]);
  enum level_class level = is_number ? classify_number(&member->value)
                                     : classify_word(&member->value);
  if (walk->fields->level == LEVEL_NONE) {
    walk->fields->level = level;
    walk->fields->is_coded = is_number && level != LEVEL_NONE;
    line_fields_widen_level(walk->fields);
  }
}

static void take_time(struct json_walk *walk,
                      const struct json_member *member) {
  struct line_cursor value = {member->value.text,
                              member->value.text + member->value.bytes};
  int64_t at_s = 0;
  if (!walk->fields->has_time &&
      (line_time_parse(walk->reader, &value, &at_s) == 0 ||
       line_time_parse_epoch(value, &at_s) == 0)) {
    walk->fields->has_time = true;
    walk->fields->at_s = at_s;
  }
}

/* ---- objects ---- */

/* Reads the value behind a name. Returns false at the end. */
static bool take_value(struct json_walk *walk, struct line_cursor *at,
                       struct json_member *member) {
  bool is_string = *at->at == '"';
  bool is_whole = true;
  if (is_string) {
    is_whole = skip_string(at, &member->value);
  } else {
    member->value.text = at->at;
    skip_plain_value(at);
    member->value.bytes = (size_t)(at->at - member->value.text);
  }
  if (is_whole && is_level_member(walk, member)) {
    take_level(walk, member);
  } else if (is_whole && is_time_member(walk, member)) {
    take_time(walk, member);
  }
  return is_whole;
}

/* Reads a member's name and its colon. Returns false at the end of the object
 * or of the line. */
static bool take_name(struct line_cursor *at, struct pattern_span *ret_name) {
  skip_blanks(at);
  if (at->at == at->end || *at->at != '"' || !skip_string(at, ret_name)) {
    return false;
  }
  skip_blanks(at);
  bool has_colon = line_cursor_skip_char(at, ':');
  skip_blanks(at);
  return has_colon && at->at < at->end;
}

/* Steps over the ends of objects and the comma before a member. */
static void leave_objects(struct json_walk *walk, struct line_cursor *at) {
  skip_blanks(at);
  for (; walk->depth > 0 && line_cursor_skip_char(at, '}'); skip_blanks(at)) {
    walk->depth--;
  }
  (void)line_cursor_skip_char(at, ',');
}

void line_json_read(struct line_reader *reader, const char *text, size_t bytes,
                    struct line_fields *ret_fields) {
  struct json_walk walk = {reader, ret_fields, .depth = 1};
  struct line_cursor at = {text + 1, text + bytes};
  struct json_member member = {{text, 0}, {text, 0}};
  while (walk.depth > 0 && take_name(&at, &member.name)) {
    if (*at.at == '{' && walk.depth < DEPTH_MAX) {
      at.at++;
      walk.parents[walk.depth++] = member.name;
    } else if (!take_value(&walk, &at, &member)) {
      return;
    }
    leave_objects(&walk, &at);
  }
}
