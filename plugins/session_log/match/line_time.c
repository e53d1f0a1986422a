/* SPDX-License-Identifier: MIT */
/* line_time: reads a time in the formats in which loggers write it. */
#include "session_log/match/line_cursor.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "session_log/match/matcher.h"

#define DAY_S 86400
#define YEAR_S (365 * INT64_C(86400))
/* A time ahead of the clock by more than this is of the past. */
#define AHEAD_S 3600

struct civil {
  int64_t year, month, day, hour, minute, second;
};

bool line_cursor_skip_char(struct line_cursor *cursor, char c) {
  if (cursor->at < cursor->end && *cursor->at == c) {
    cursor->at++;
    return true;
  }
  return false;
}

bool line_cursor_skip_one_of(struct line_cursor *cursor, const char *set) {
  bool is_skipped = false;
  for (; *set != '\0' && !is_skipped; set++) {
    is_skipped = line_cursor_skip_char(cursor, *set);
  }
  return is_skipped;
}

bool line_cursor_skip_text(struct line_cursor *cursor, const char *text) {
  size_t bytes = strlen(text);
  bool is_there = (size_t)(cursor->end - cursor->at) >= bytes &&
                  memcmp(cursor->at, text, bytes) == 0;
  cursor->at += is_there ? bytes : 0;
  return is_there;
}

bool line_cursor_parse_digits(struct line_cursor *cursor, int digits,
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
static int64_t convert_local_civil(struct line_reader *reader,
                                   const struct civil *civil) {
  int64_t local_s = convert_utc_civil(civil);
  int64_t minute = local_s / 60;
  if (reader->minute != minute) {
    reader->start_s = convert_local_seconds(minute * 60);
    reader->minute = minute;
  }
  return reader->start_s + local_s % 60;
}

/* "Z", "+01:00", "+0100", "+01", also behind one blank as Ruby writes it, and
 * " UTC". Other names of zones are ambiguous: such a time is local. */
static bool parse_zone(struct line_cursor *cursor, int64_t *ret_offset_s) {
  struct line_cursor ahead = *cursor;
  (void)line_cursor_skip_char(&ahead, ' ');
  int64_t hours = 0;
  int64_t minutes = 0;
  *ret_offset_s = 0;
  if (line_cursor_skip_char(cursor, 'Z')) {
    return true;
  }
  if (line_cursor_skip_text(&ahead, "UTC") ||
      line_cursor_skip_text(&ahead, "GMT")) {
    *cursor = ahead;
    return true;
  }
  bool is_east = ahead.at < ahead.end && *ahead.at == '+';
  if (!line_cursor_skip_one_of(&ahead, "+-") ||
      !line_cursor_parse_digits(&ahead, 2, &hours)) {
    return false;
  }
  (void)line_cursor_skip_char(&ahead, ':');
  (void)line_cursor_parse_digits(&ahead, 2, &minutes);
  if (hours > 14 || minutes > 59) {
    return false;
  }
  int64_t offset_s = hours * 3600 + minutes * 60;
  *ret_offset_s = is_east ? offset_s : -offset_s;
  *cursor = ahead;
  return true;
}

/* One or two digits, the first of two may be a blank. */
static bool parse_padded(struct line_cursor *cursor, int64_t *ret_number) {
  (void)line_cursor_skip_char(cursor, ' ');
  return line_cursor_parse_digits(cursor, 2, ret_number) ||
         line_cursor_parse_digits(cursor, 1, ret_number);
}

static void skip_fraction(struct line_cursor *cursor) {
  struct line_cursor ahead = *cursor;
  int64_t digit = 0;
  if (line_cursor_skip_one_of(&ahead, ".,:") &&
      line_cursor_parse_digits(&ahead, 1, &digit)) {
    while (line_cursor_parse_digits(&ahead, 1, &digit)) {
    }
    *cursor = ahead;
  }
}

/* "10:00:00", "10:00:00.123", "10:00:00 AM", "9:05PM". */
static bool parse_clock(struct line_cursor *cursor, struct civil *civil) {
  struct line_cursor ahead = *cursor;
  bool has_hours = line_cursor_parse_digits(&ahead, 2, &civil->hour) ||
                   line_cursor_parse_digits(&ahead, 1, &civil->hour);
  if (!has_hours || !line_cursor_skip_char(&ahead, ':') ||
      !line_cursor_parse_digits(&ahead, 2, &civil->minute)) {
    return false;
  }
  bool has_seconds = line_cursor_skip_char(&ahead, ':') &&
                     line_cursor_parse_digits(&ahead, 2, &civil->second);
  if (has_seconds) {
    skip_fraction(&ahead);
  }
  struct line_cursor half = ahead;
  (void)line_cursor_skip_char(&half, ' ');
  bool is_morning = line_cursor_skip_text(&half, "AM");
  bool is_evening = !is_morning && line_cursor_skip_text(&half, "PM");
  if (is_morning || is_evening) {
    civil->hour = civil->hour % 12 + (is_evening ? 12 : 0);
    ahead = half;
  }
  *cursor = ahead;
  return has_seconds || is_morning || is_evening;
}

/* A month's name in English. */
static bool parse_month(struct line_cursor *cursor, int64_t *ret_month) {
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (size_t i = 0; cursor->end - cursor->at >= 3 && i < 12; i++) {
    if (memcmp(cursor->at, months + 3 * i, 3) == 0) {
      cursor->at += 3;
      *ret_month = (int64_t)i + 1;
      return true;
    }
  }
  return false;
}

/* Finds the year in which the time is nearest to now_s. */
static void choose_year(struct civil *civil, int64_t now_s) {
  civil->year = 1970 + now_s / YEAR_S; /* at most a year off */
  for (; convert_utc_civil(civil) - now_s > YEAR_S / 2; civil->year--) {
  }
  for (; now_s - convert_utc_civil(civil) > YEAR_S / 2; civil->year++) {
  }
}

/* "2024-01-31 10:00:00", "2024-01-31T10:00:00", "2024/01/31", "2024.01.31",
 * "20240131 10:00:00", "20240131T100000". */
static bool parse_iso_date(struct line_cursor *cursor, struct civil *civil) {
  if (!line_cursor_parse_digits(cursor, 4, &civil->year)) {
    return false;
  }
  bool has_marks = line_cursor_skip_one_of(cursor, "-/.");
  if (!line_cursor_parse_digits(cursor, 2, &civil->month) ||
      line_cursor_skip_one_of(cursor, "-/.") != has_marks ||
      !line_cursor_parse_digits(cursor, 2, &civil->day)) {
    return false;
  }
  (void)line_cursor_skip_char(cursor, ',');
  if (!line_cursor_skip_one_of(cursor, "T t_-")) {
    return false;
  }
  struct line_cursor compact = *cursor;
  if (!has_marks && line_cursor_parse_digits(&compact, 2, &civil->hour) &&
      line_cursor_parse_digits(&compact, 2, &civil->minute) &&
      line_cursor_parse_digits(&compact, 2, &civil->second)) {
    *cursor = compact;
    return true;
  }
  return parse_clock(cursor, civil);
}

/* "Jan 31 10:00:00", "Feb  1 10:00:00 2024", "Jan 31, 2024 10:00:00 AM",
 * "Wed Jan 31 10:00:00.123456 2024", "Wed Jan 31 10:00:00 CET 2024". */
static bool parse_month_first(struct line_cursor *cursor, struct civil *civil) {
  struct line_cursor month = *cursor;
  if (month.end - month.at > 4 && month.at[3] == ' ' &&
      isupper((unsigned char)month.at[0])) {
    month.at += 4; /* the day of the week */
    month = parse_month(&month, &civil->month)
                ? (struct line_cursor){cursor->at + 4, cursor->end}
                : *cursor;
  }
  if (!parse_month(&month, &civil->month) ||
      !line_cursor_skip_char(&month, ' ') ||
      !parse_padded(&month, &civil->day)) {
    return false;
  }
  (void)line_cursor_skip_char(&month, ',');
  if (!line_cursor_skip_char(&month, ' ')) {
    return false;
  }
  struct line_cursor year = month;
  if (line_cursor_parse_digits(&year, 4, &civil->year) &&
      (line_cursor_skip_char(&year, ','), line_cursor_skip_char(&year, ' '))) {
    month = year;
  } else {
    civil->year = 0;
  }
  if (!parse_clock(&month, civil)) {
    return false;
  }
  year = month;
  int64_t number = 0;
  while (
      line_cursor_skip_one_of(&year, " ACDEGIKMPSTUWZ")) { /* a zone's name */
  }
  if (civil->year == 0 && year.at > month.at &&
      line_cursor_parse_digits(&year, 4, &number) && number >= 1970 &&
      (year.at == year.end || !isalnum((unsigned char)*year.at))) {
    civil->year = number;
    month = year;
  }
  *cursor = month;
  return true;
}

/* "31/Jan/2024:10:00:00 +0000", "31/Jan/2024 10:00:00", "31 Jan 2024 10:00:00",
 * "31-Jan-2024 10:00:00". */
static bool parse_day_first(struct line_cursor *cursor, struct civil *civil) {
  return parse_padded(cursor, &civil->day) &&
         line_cursor_skip_one_of(cursor, "/ -") &&
         parse_month(cursor, &civil->month) &&
         line_cursor_skip_one_of(cursor, "/ -") &&
         line_cursor_parse_digits(cursor, 4, &civil->year) &&
         line_cursor_skip_one_of(cursor, ": ") && parse_clock(cursor, civil);
}

static void swap_numbers(int64_t *a, int64_t *b) {
  int64_t swapped = *a;
  *a = *b;
  *b = swapped;
}

/* "31.01.2024 10:00:00", "31/01/2024 10:00:00", "01/31/2024 10:00:00". Where
 * day and month may each be either, that which is nearer to now is meant. */
static bool parse_numbers_first(struct line_cursor *cursor, struct civil *civil,
                                int64_t now_s) {
  struct line_cursor at = *cursor;
  if (!line_cursor_parse_digits(&at, 2, &civil->day)) {
    return false;
  }
  bool is_dotted = line_cursor_skip_char(&at, '.');
  if ((!is_dotted && !line_cursor_skip_one_of(&at, "/-")) ||
      !line_cursor_parse_digits(&at, 2, &civil->month) ||
      !line_cursor_skip_one_of(&at, "./-") ||
      !line_cursor_parse_digits(&at, 4, &civil->year)) {
    return false;
  }
  (void)line_cursor_skip_char(&at, ',');
  if (!line_cursor_skip_one_of(&at, " T") || !parse_clock(&at, civil)) {
    return false;
  }
  if (!is_dotted && civil->day <= 12) {
    struct civil other = *civil;
    swap_numbers(&other.day, &other.month);
    int64_t mine_s = convert_utc_civil(civil) - now_s;
    int64_t other_s = convert_utc_civil(&other) - now_s;
    bool is_other = civil->month > 12 || (other_s < 0 ? -other_s : other_s) <
                                             (mine_s < 0 ? -mine_s : mine_s);
    *civil = is_other ? other : *civil;
  }
  *cursor = at;
  return true;
}

/* klog's "0131 10:00:00.123456", behind the letter of the level. */
static bool parse_klog_date(struct line_cursor *cursor, struct civil *civil) {
  return line_cursor_skip_one_of(cursor, "IWEF") &&
         line_cursor_parse_digits(cursor, 2, &civil->month) &&
         line_cursor_parse_digits(cursor, 2, &civil->day) &&
         line_cursor_skip_char(cursor, ' ') && parse_clock(cursor, civil);
}

/* Only the time of day: the last one that was not ahead of the clock. */
static bool parse_time_of_day(struct line_cursor *cursor, int64_t now_s,
                              int64_t *ret_s) {
  struct civil civil = {0};
  if (!parse_clock(cursor, &civil) || civil.hour > 23 || civil.minute > 59 ||
      civil.second > 60) {
    return false;
  }
  int64_t local_s = now_s + find_utc_offset(now_s);
  int64_t clock_s = civil.hour * 3600 + civil.minute * 60 + civil.second;
  int64_t at_s = local_s - local_s % DAY_S + clock_s;
  *ret_s = convert_local_seconds(at_s - (at_s > local_s + AHEAD_S ? DAY_S : 0));

  return true;
}

int line_time_parse_epoch(struct line_cursor cursor, int64_t *ret_s) {
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

/* "1706695200", "1706695200.123", "1706695200123": near to now, so that no
 * other number is taken for a time. */
static bool parse_epoch_word(struct line_cursor *cursor, int64_t now_s,
                             int64_t *ret_s) {
  struct line_cursor end = *cursor;
  int64_t digit = 0;
  int64_t rest = 0;
  if (line_cursor_parse_digits(&end, 1, &digit) &&
      line_cursor_skip_char(&end, '.') &&
      line_cursor_parse_digits(&end, 9, &rest)) { /* zap's 1.706695200e+09 */
    *ret_s = digit * 1000000000 + rest;
    while (line_cursor_parse_digits(&end, 1, &digit)) {
    }
    bool is_seconds = line_cursor_skip_text(&end, "e+09");
    *cursor = is_seconds ? end : *cursor;
    return is_seconds;
  }
  end = *cursor;
  while (line_cursor_parse_digits(&end, 1, &digit)) {
  }
  size_t digits = (size_t)(end.at - cursor->at);
  bool is_length = digits == 10 || digits == 13 || digits == 16 || digits == 19;
  if (!is_length || line_time_parse_epoch(*cursor, ret_s) != 0 ||
      *ret_s > now_s + DAY_S || *ret_s < now_s - 10 * YEAR_S) {
    return false;
  }
  skip_fraction(&end);
  *cursor = end;
  return true;
}

static bool parse_date(struct line_cursor *cursor, struct civil *civil,
                       int64_t now_s) {
  const struct line_cursor from = *cursor;
  unsigned char c = (unsigned char)*cursor->at;
  if (isdigit(c)) {
    if (parse_iso_date(cursor, civil)) {
      return true;
    }
    *cursor = from;
    *civil = (struct civil){0};
    if (parse_day_first(cursor, civil)) {
      return true;
    }
    *cursor = from;
    *civil = (struct civil){0};
    return parse_numbers_first(cursor, civil, now_s);
  }
  if (isupper(c) && parse_month_first(cursor, civil)) {
    return true;
  }
  *cursor = from;
  *civil = (struct civil){0};
  return parse_klog_date(cursor, civil);
}

int line_time_parse(struct line_reader *reader, struct line_cursor *cursor,
                    int64_t *ret_s) {
  const int64_t now_s = reader->now_s;
  struct civil civil = {0};
  struct line_cursor at = *cursor;
  if (at.at == at.end || !isalnum((unsigned char)*at.at)) {
    return -ENOENT;
  }
  if (!parse_date(&at, &civil, now_s)) {
    at = *cursor;
    bool is_found = parse_epoch_word(&at, now_s, ret_s) ||
                    parse_time_of_day(&at, now_s, ret_s);
    *cursor = is_found ? at : *cursor;
    return is_found ? 0 : -ENOENT;
  }
  if (civil.year == 0 && civil.month >= 1 && civil.month <= 12) {
    choose_year(&civil, now_s);
  }
  if (!is_valid_civil(&civil)) {
    return -ENOENT;
  }
  skip_fraction(&at);
  int64_t offset_s = 0;
  bool has_zone = parse_zone(&at, &offset_s);
  *ret_s = has_zone ? convert_utc_civil(&civil) - offset_s
                    : convert_local_civil(reader, &civil);
  *cursor = at;
  return 0;
}
