/* SPDX-License-Identifier: MIT */
/* line_fields: reads the time and the level of a line. */
#include "session_log/match/matcher.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DAY_S 86400
#define YEAR_S (365 * INT64_C(86400))

struct cursor {
  const char *at;
  const char *end;
};

struct civil {
  int64_t year, month, day, hour, minute, second;
};

static bool skip_char(struct cursor *cursor, char c) {
  if (cursor->at < cursor->end && *cursor->at == c) {
    cursor->at++;
    return true;
  }
  return false;
}

static bool skip_one_of(struct cursor *cursor, const char *set) {
  bool is_skipped = false;
  for (; *set != '\0' && !is_skipped; set++) {
    is_skipped = skip_char(cursor, *set);
  }
  return is_skipped;
}

/* Exactly DIGITS of them. */
static bool parse_digits(struct cursor *cursor, int digits,
                         int64_t *ret_number) {
  int64_t number = 0;
  if (cursor->end - cursor->at < digits) {
    return false;
  }
  for (int i = 0; i < digits; i++) {
    unsigned char c = (unsigned char)cursor->at[i];
    if (!isdigit(c)) {
      return false;
    }
    number = number * 10 + (c - '0');
  }
  cursor->at += digits;
  *ret_number = number;
  return true;
}

static bool is_valid_civil(const struct civil *civil) {
  return civil->year >= 1970 && civil->month >= 1 && civil->month <= 12 &&
         civil->day >= 1 && civil->day <= 31 && civil->hour <= 23 &&
         civil->minute <= 59 && civil->second <= 60;
}

/* Days since 1970-01-01 of the Gregorian calendar (Howard Hinnant's
 * days_from_civil). */
static int64_t count_epoch_days(const struct civil *civil) {
  int64_t year = civil->year - (civil->month <= 2);
  int64_t era = year / 400;
  int64_t year_of_era = year - era * 400;
  int64_t month = civil->month + (civil->month > 2 ? -3 : 9);
  int64_t day_of_year = (153 * month + 2) / 5 + civil->day - 1;
  int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

static int64_t convert_utc_civil(const struct civil *civil) {
  return count_epoch_days(civil) * DAY_S + civil->hour * 3600 +
         civil->minute * 60 + civil->second;
}

/* How far local time is ahead of UTC at at_s. Uses localtime_r() instead of
 * mktime(), which while TZ is not set looks for the zone file at each call and
 * frees the zone that another thread may be reading. */
static int64_t find_utc_offset(int64_t at_s) {
  struct tm local;
  time_t at = (time_t)at_s;
  return localtime_r(&at, &local) == NULL ? 0 : local.tm_gmtoff;
}

/* Converts a local time, given in seconds as if it were UTC. A time that exists
 * twice or not at all, because clocks are changed, is converted with the offset
 * before the change: the first of two. */
static int64_t convert_local_seconds(int64_t local_s) {
  int64_t before_s = find_utc_offset(local_s - DAY_S);
  int64_t after_s = find_utc_offset(local_s + DAY_S);
  bool is_after = find_utc_offset(local_s - before_s) != before_s &&
                  find_utc_offset(local_s - after_s) == after_s;
  return local_s - (is_after ? after_s : before_s);
}

/* Converts once a minute: the conversion of a local time costs more than to
 * read the line. */
static int64_t convert_local_civil(struct line_fields_cache *cache,
                                   const struct civil *civil) {
  int64_t local_s = convert_utc_civil(civil);
  int64_t minute = local_s / 60;
  if (cache->minute != minute) {
    cache->start_s = convert_local_seconds(minute * 60);
    cache->minute = minute;
  }
  return cache->start_s + local_s % 60;
}

/* "Z", "+01:00", "+0100", "+01", also behind one blank as Ruby writes it. */
static bool parse_zone(struct cursor *cursor, int64_t *ret_offset_s) {
  struct cursor ahead = *cursor;
  (void)skip_char(&ahead, ' ');
  int64_t hours = 0;
  int64_t minutes = 0;
  if (skip_char(cursor, 'Z')) {
    *ret_offset_s = 0;
    return true;
  }
  bool is_east = ahead.at < ahead.end && *ahead.at == '+';
  if (!skip_one_of(&ahead, "+-") || !parse_digits(&ahead, 2, &hours)) {
    return false;
  }
  (void)skip_char(&ahead, ':');
  (void)parse_digits(&ahead, 2, &minutes);
  if (hours > 14 || minutes > 59) {
    return false;
  }
  int64_t offset_s = hours * 3600 + minutes * 60;
  *ret_offset_s = is_east ? offset_s : -offset_s;
  *cursor = ahead;
  return true;
}

static bool parse_clock(struct cursor *cursor, struct civil *civil) {
  return parse_digits(cursor, 2, &civil->hour) && skip_char(cursor, ':') &&
         parse_digits(cursor, 2, &civil->minute) && skip_char(cursor, ':') &&
         parse_digits(cursor, 2, &civil->second);
}

/* "2024-01-31 10:00:00,123", "2024-01-31T10:00:00.123456+01:00",
 * "2024/01/31 10:00:00". */
static int parse_iso_time(struct line_fields_cache *cache, struct cursor cursor,
                          int64_t *ret_s) {
  struct civil civil = {0};
  if (!parse_digits(&cursor, 4, &civil.year) || !skip_one_of(&cursor, "-/") ||
      !parse_digits(&cursor, 2, &civil.month) || !skip_one_of(&cursor, "-/") ||
      !parse_digits(&cursor, 2, &civil.day) || !skip_one_of(&cursor, "T t_") ||
      !parse_clock(&cursor, &civil) || !is_valid_civil(&civil)) {
    return -ENOENT;
  }
  if (skip_one_of(&cursor, ".,")) {
    while (cursor.at < cursor.end && isdigit((unsigned char)*cursor.at)) {
      cursor.at++;
    }
  }
  int64_t offset_s = 0;
  bool has_zone = parse_zone(&cursor, &offset_s);
  *ret_s = has_zone ? convert_utc_civil(&civil) - offset_s
                    : convert_local_civil(cache, &civil);
  return 0;
}

/* "Jan 31 10:00:00", "Feb  1 10:00:00": without a year. */
static int parse_syslog_time(struct line_fields_cache *cache,
                             struct cursor cursor, int64_t now_s,
                             int64_t *ret_s) {
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct civil civil = {0};
  if (cursor.end - cursor.at < 15) {
    return -ENOENT;
  }
  for (size_t i = 0; i < 12; i++) {
    if (memcmp(cursor.at, months + 3 * i, 3) == 0) {
      civil.month = (int64_t)i + 1;
    }
  }
  cursor.at += 3;
  if (civil.month == 0 || !skip_char(&cursor, ' ') ||
      !(skip_char(&cursor, ' ') ? parse_digits(&cursor, 1, &civil.day)
                                : parse_digits(&cursor, 2, &civil.day)) ||
      !skip_char(&cursor, ' ') || !parse_clock(&cursor, &civil)) {
    return -ENOENT;
  }
  civil.year = 1970 + now_s / YEAR_S; /* at most a year off */
  if (!is_valid_civil(&civil)) {
    return -ENOENT;
  }
  for (; convert_utc_civil(&civil) - now_s > YEAR_S / 2; civil.year--) {
  }
  for (; now_s - convert_utc_civil(&civil) > YEAR_S / 2; civil.year++) {
  }
  *ret_s = convert_local_civil(cache, &civil);
  return 0;
}

/* A JSON number: its first ten digits are the seconds, whether milli-, micro-
 * or nanoseconds follow. */
static int parse_epoch_number(struct cursor cursor, int64_t *ret_s) {
  int64_t number = 0;
  int digits = 0;
  for (; cursor.at < cursor.end && isdigit((unsigned char)*cursor.at) &&
         digits < 10;
       cursor.at++, digits++) {
    number = number * 10 + (*cursor.at - '0');
  }
  *ret_s = number;
  return digits < 9 ? -ENOENT : 0;
}

/* A time that begins with a digit is in the format of ISO 8601, any other in
 * that of syslog. */
static int parse_text_time(struct line_fields_cache *cache,
                           const struct cursor *cursor, int64_t now_s,
                           int64_t *ret_s) {
  if (cursor->at == cursor->end) {
    return -ENOENT;
  }
  unsigned char c = (unsigned char)*cursor->at;
  return isdigit(c) ? parse_iso_time(cache, *cursor, ret_s)
                    : parse_syslog_time(cache, *cursor, now_s, ret_s);
}

/* Sets *ret_value to what follows the JSON field NAME (with its quotes). */
static bool find_json_value(const struct cursor *line, const char *name,
                            struct cursor *ret_value) {
  size_t bytes = strlen(name);
  const char *found =
      memmem(line->at, (size_t)(line->end - line->at), name, bytes);
  if (found == NULL) {
    return false;
  }
  *ret_value = (struct cursor){found + bytes, line->end};
  while (skip_one_of(ret_value, " :")) {
  }
  return true;
}

/* The first field with the name of a time whose value can be read. */
static int parse_json_time(struct line_fields_cache *cache,
                           struct cursor cursor, int64_t now_s,
                           int64_t *ret_s) {
  static const char *const names[] = {"\"timestamp\"",  "\"time\"",
                                      "\"@timestamp\"", "\"ts\"",
                                      "\"asctime\"",    "\"datetime\""};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    struct cursor value;
    if (find_json_value(&cursor, names[i], &value) &&
        (skip_char(&value, '"') ? parse_text_time(cache, &value, now_s, ret_s)
                                : parse_epoch_number(value, ret_s)) == 0) {
      return 0;
    }
  }
  return -ENOENT;
}

int line_fields_parse_time(struct line_fields_cache *cache, const char *line,
                           size_t bytes, int64_t now_s, int64_t *ret_s) {
  struct cursor cursor = {line, line + bytes};
  while (cursor.at < cursor.end && *cursor.at == '\0') {
    cursor.at++; /* from a hole in the file */
  }
  if (cursor.end - cursor.at >= 3 &&
      memcmp(cursor.at, "\xef\xbb\xbf", 3) == 0) {
    cursor.at += 3;
  }
  if (cursor.at < cursor.end && *cursor.at == '{') {
    return parse_json_time(cache, cursor, now_s, ret_s);
  }
  (void)skip_char(&cursor, '[');
  if (skip_char(&cursor, '<')) { /* syslog's priority, and RFC 5424's version */
    while (cursor.at < cursor.end && isdigit((unsigned char)*cursor.at)) {
      cursor.at++;
    }
    (void)skip_char(&cursor, '>');
    struct cursor version = cursor;
    if (skip_char(&version, '1') && skip_char(&version, ' ')) {
      cursor = version;
    }
  }
  return parse_text_time(cache, &cursor, now_s, ret_s);
}

/* ---- repetitions ---- */

#define REPEATED_MAX 10000

/* A word and the blanks behind it. Returns its length; 0 at the end. */
static size_t skip_word(struct cursor *cursor) {
  const char *from = cursor->at;
  while (cursor->at < cursor->end && *cursor->at != ' ') {
    cursor->at++;
  }
  size_t bytes = (size_t)(cursor->at - from);
  while (skip_char(cursor, ' ')) {
  }
  return bytes;
}

static bool skip_text(struct cursor *cursor, const char *text) {
  size_t bytes = strlen(text);
  bool is_there = (size_t)(cursor->end - cursor->at) >= bytes &&
                  memcmp(cursor->at, text, bytes) == 0;
  cursor->at += is_there ? bytes : 0;
  return is_there;
}

/* "Jan 31 10:00:00" or "2024-01-31T10:00:00Z", the host and "TAG:". */
static bool skip_syslog_header(struct cursor *cursor) {
  const char *from = cursor->at;
  bool is_iso = cursor->end - from > 10 && isdigit((unsigned char)from[0]) &&
                from[10] == 'T';
  bool is_plain = cursor->end - from > 15 && isupper((unsigned char)from[0]) &&
                  from[3] == ' ' && from[6] == ' ' && from[9] == ':' &&
                  from[12] == ':' && from[15] == ' ';
  for (int words = is_iso ? 2 : 4; words > 0; words--) {
    (void)skip_word(cursor);
  }
  const char *tag = cursor->at;
  size_t bytes = skip_word(cursor);
  return (is_iso || is_plain) && bytes > 1 && tag[bytes - 1] == ':';
}

uint32_t line_fields_parse_repetitions(const char *line, size_t bytes) {
  struct cursor cursor = {line, line + bytes};
  uint32_t times = 0;
  if (skip_char(&cursor, '<')) {
    while (cursor.at < cursor.end && isdigit((unsigned char)*cursor.at)) {
      cursor.at++;
    }
    (void)skip_char(&cursor, '>');
  }
  if (!skip_syslog_header(&cursor) ||
      !skip_text(&cursor, "message repeated ")) {
    return 1;
  }
  for (; cursor.at < cursor.end && isdigit((unsigned char)*cursor.at) &&
         times <= REPEATED_MAX;
       cursor.at++) {
    times = times * 10 + (uint32_t)(*cursor.at - '0');
  }
  bool is_whole = skip_text(&cursor, " times: [") && line[bytes - 1] == ']';
  return is_whole && times >= 1 && times <= REPEATED_MAX ? times : 1;
}

/* ---- the level ---- */

/* How far into a line the level is looked for. */
#define SEARCH_BYTES 512
#define WORD_BYTES_MAX 9

struct level_word {
  const char *text;
  bool is_error;
};

static const struct level_word words[] = {
    {"ERROR", true},  {"CRITICAL", true}, {"FATAL", true},  {"CRIT", true},
    {"ERR", true},    {"ALERT", true},    {"EMERG", true},  {"PANIC", true},
    {"SEVERE", true}, {"INFO", false},    {"DEBUG", false}, {"WARNING", false},
    {"WARN", false},  {"NOTICE", false},  {"TRACE", false}, {"SUCCESS", false},
    {"LOG", false},
};

/* The common spellings of these errors; "error" in prose is none. */
#define TEXT(literal)                                                          \
  { literal, sizeof(literal) - 1 }
static const struct pattern_span texts[] = {
    TEXT("ERROR"),     TEXT("CRITICAL"),     TEXT("FATAL"),     TEXT("SEVERE"),
    TEXT("\"error\""), TEXT("\"critical\""), TEXT("\"fatal\""), TEXT("=error"),
    TEXT("=critical"), TEXT("=fatal"),       TEXT("[error]"),   TEXT("[crit"),
};

size_t line_fields_get_level_texts(const struct pattern_span **ret_texts) {
  *ret_texts = texts;
  return sizeof(texts) / sizeof(texts[0]);
}

/* Compares without case; is_error_in_text() decides which words in lower case
 * count. */
static const struct level_word *find_level_word(const char *text,
                                                size_t bytes) {
  for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
    if (strlen(words[i].text) == bytes &&
        strncasecmp(words[i].text, text, bytes) == 0) {
      return &words[i];
    }
  }
  return NULL;
}

static bool is_upper_case(const char *text, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    if (!isupper((unsigned char)text[i])) {
      return false;
    }
  }
  return true;
}

static bool is_field_mark(char c) { return c == '[' || c == '=' || c == '"'; }

/* The first level word of a text line decides. Words in lower case count only
 * behind one of the marks above: "an error" in prose is no level. */
static bool is_error_in_text(const char *line, size_t bytes) {
  size_t end = bytes < SEARCH_BYTES ? bytes : SEARCH_BYTES;
  for (size_t i = 0; i < end;) {
    if (!isalpha((unsigned char)line[i])) {
      i++;
      continue;
    }
    size_t start = i;
    while (i < bytes && (isalnum((unsigned char)line[i]) || line[i] == '_')) {
      i++;
    }
    size_t len = i - start;
    const struct level_word *word =
        len > WORD_BYTES_MAX ? NULL : find_level_word(line + start, len);
    if (word != NULL && (is_upper_case(line + start, len) ||
                         (start > 0 && is_field_mark(line[start - 1])))) {
      return word->is_error;
    }
  }
  return false;
}

/* The value of a JSON line's level: a word, a number (pino: 50 is error), or
 * loguru's object with a name. Returns 1, 0, or -1 for none. */
static int parse_json_level(struct cursor value) {
  if (skip_char(&value, '{')) {
    struct cursor name;
    return find_json_value(&value, "\"name\"", &name) ? parse_json_level(name)
                                                      : -1;
  }
  int64_t number = 0;
  if (value.at < value.end && isdigit((unsigned char)*value.at)) {
    return parse_digits(&value, 2, &number) && number >= 50;
  }
  (void)skip_char(&value, '"');
  const char *quote = memchr(value.at, '"', (size_t)(value.end - value.at));
  const char *end = quote == NULL ? value.end : quote;
  const struct level_word *word =
      find_level_word(value.at, (size_t)(end - value.at));
  return word == NULL ? -1 : word->is_error;
}

bool line_fields_is_error(const char *line, size_t bytes) {
  static const char *const names[] = {
      "\"level\"", "\"levelname\"", "\"severity\"", "\"log.level\"", "\"lvl\""};
  const struct cursor whole = {line, line + bytes};
  size_t len =
      bytes > 0 && line[0] == '{' ? sizeof(names) / sizeof(names[0]) : 0;
  for (size_t i = 0; i < len; i++) {
    struct cursor value;
    int level = find_json_value(&whole, names[i], &value)
                    ? parse_json_level(value)
                    : -1;
    if (level >= 0) {
      return level == 1;
    }
  }
  return is_error_in_text(line, bytes);
}
