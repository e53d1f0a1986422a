/* SPDX-License-Identifier: MIT */
/* options: the options of a <Plugin session_log> block. */
#include "session_log/options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "session_log/match/pattern.h"

/* In the order of enum frame_format. */
static const char *const formats[] = {"auto",   "plain", "cri",
                                      "docker", "json",  NULL};
static const char *const starts[] = {"end", "beginning", NULL};

/* The name is also that of the state file. */
static int check_log_name(const char *label, struct error *error) {
  if (label[0] == '.' || strchr(label, '/') != NULL || strlen(label) > 63) {
    return error_set(
        error, -EINVAL,
        "the name must not begin with a dot, contain a slash or be "
        "longer than 63 characters");
  }
  return 0;
}

static int check_log_block(const void *target, struct error *error) {
  const struct log_options *log = target;
  if (log->pid != NULL && log->session == NULL) {
    return error_set(error, -EINVAL,
                     "Pid has no effect without Session; add Session "
                     "\"session=(\\\\w+)\"");
  }
  if (log->files.len == 0) {
    return error_set(error, -EINVAL,
                     "File is missing: write File \"/var/log/app/app.log\"");
  }
  return 0;
}

static const struct option log_rows[] = {
    {OPTION("File", STRINGS, struct log_options, files), .is_required = true,
     .check = option_check_absolute_path, .example = "\"/var/log/app/app.log\"",
     .help =
         "Files that the application writes, with the wildcards C<*>, C<?> "
         "and C<[...]>. Rotated files in the same directory (C<app.log.1>, "
         "C<app.log-20240131>, C<app.2024-01-31.log>) are found "
         "automatically. Files that are moved to another directory "
         "(logrotate's C<olddir>) are found if a second pattern matches "
         "them. Compressed files and archives are ignored. At most 4096 files "
         "are followed, rotated ones included. A file that exists "
         "when the log is followed for the first time is read from its "
         "end (see B<StartAt>). A file that appears later is read from its "
         "beginning."},
    {OPTION("Format", WORD, struct log_options, read.format), .words = formats,
     .default_text = "auto",
     .help = "What stands around each line. C<docker>: the files of Docker's "
             "json-file driver. C<cri>: the files of Kubernetes' container "
             "runtimes. The text of the application is then searched as it "
             "wrote it, and parts of a long line are joined for each stream, "
             "up to B<MaxLineBytes>. C<json>: lines of JSON, in which "
             "characters beyond ASCII that are written as C<\\uXXXX> are "
             "decoded before patterns are searched; other escapes stay. The "
             "same is done in a frame for a line that begins with C<{>. "
             "C<plain>: nothing. C<auto> decides for each file by its first "
             "lines and logs what it has found. A file in UTF-16 is logged "
             "and cannot be searched."},
    {OPTION("Opened", STRING, struct log_options, opened),
     .default_text = "Creating new database session",
     .check = pattern_check_has_literal,
     .help = "Matches the line that is written when a session is opened. This "
             "and the following patterns are texts or Perl-compatible regular "
             "expressions. A regular expression must contain a fixed text of "
             "at least three characters that is part of every match."},
    {OPTION("Closed", STRING, struct log_options, closed),
     .default_text = "Closing database session",
     .check = pattern_check_has_literal,
     .help = "Matches the line that is written when a session is closed."},
    {OPTION("Failed", STRING, struct log_options, failed),
     .default_text = "Database session error",
     .check = pattern_check_has_literal,
     .help = "Matches the line that is written when a session fails. A line "
             "that closes the session should follow."},
    {OPTION("Error", STRING, struct log_options, error),
     .check = pattern_check_has_literal,
     .example = "\"\\\\b(ERROR|CRITICAL)\\\\b\"",
     .help = "Matches the lines that count as errors. Without this option, "
             "lines with a level such as ERROR, CRITICAL or FATAL count. The "
             "level is read where loggers write it: before the message of a "
             "text line, in a pair such as C<level=error>, or in the level "
             "field of a JSON line, as a word or as a number of pino, bunyan, "
             "GELF or syslog. A record, such as an error and the traceback "
             "that follows it, counts once."},
    {OPTION("LevelField", STRING, struct log_options, level_field),
     .example = "\"lev\"",
     .help = "The field of JSON lines that has the level as a word, if it is "
             "none of the usual ones, such as C<level>, C<severity> or "
             "C<log.level>. No other field is then read as the level."},
    {OPTION("Restart", STRING, struct log_options, restart),
     .check = pattern_check_has_literal,
     .example = "\"Application startup complete\"",
     .help = "Matches the line that the application writes when it starts. Its "
             "open sessions are then counted as dropped. With B<Pid>, this "
             "applies to each worker process separately."},
    {OPTION("TimedOut", STRING, struct log_options, timed_out),
     .default_text =
         "QueuePool limit of size|couldn't get a connection after|Connection "
         "is not available|_acquire_impl\\(\\), timeout",
     .check = pattern_check_has_literal,
     .help = "Matches the line that is written when a caller gets no "
             "connection within the pool's timeout. The default has the "
             "messages of SQLAlchemy, psycopg_pool and HikariCP, and the line "
             "of asyncpg's traceback. A record with a traceback counts once. "
             "The size, overflow and timeout in SQLAlchemy's message are sent "
             "in a notification."},
    {OPTION("Session", STRING, struct log_options, session),
     .check = pattern_check, .example = "\"session=(\\\\w+)\"",
     .help = "Finds the name of the session in a line: the first group of the "
             "regular expression. With names each session is tracked "
             "separately, so the number of open sessions is exact, and leaks "
             "are found by age."},
    {OPTION("Pid", STRING, struct log_options, pid), .check = pattern_check,
     .example = "\"pid=(\\\\d+)\"",
     .help = "Finds the process id of the worker in a line: the first group of "
             "the regular expression. Needed if several workers write to one "
             "log and may use the same session names."},
    {OPTION("LeakAfter", INTEGER, struct log_options, sessions.leak_after_s),
     .min = 0, .max = 604800, .default_text = "1800", .unit = "seconds",
     .help = "With B<Session>: a session that is open for longer than this "
             "counts as leaked. 0 disables this check."},
    {OPTION("CloseWithin", INTEGER, struct log_options,
            sessions.close_within_s),
     .min = 1, .max = 86400, .default_text = "30", .unit = "seconds",
     .help = "A failed session that is not closed within this time counts as "
             "C<unclosed_after_error>."},
    {OPTION("ForgetAfter", INTEGER, struct log_options,
            sessions.forget_after_s),
     .min = 60, .max = 31536000, .default_text = "86400", .unit = "seconds",
     .help = "With B<Session>: a session that is open for longer than this is "
             "no longer tracked, because its worker has probably died."},
    {OPTION("LeakWindow", INTEGER, struct log_options, sessions.trend.window_s),
     .min = 1, .max = 86400, .default_text = "600", .unit = "seconds",
     .help = "Length of a window. Without B<Session>, a leak is found by the "
             "low-water mark, which is the lowest value of opened minus closed "
             "sessions in a window."},
    {OPTION("LeakWindows", INTEGER, struct log_options, sessions.trend.windows),
     .min = 2, .max = LEAK_TREND_WINDOWS_MAX, .default_text = "4",
     .unit = "windows",
     .help = "A leak is reported when the low-water mark has risen in each of "
             "this many windows."},
    {OPTION("LeakMinRise", INTEGER, struct log_options, sessions.trend.rise),
     .min = 1, .max = 1000000, .default_text = "10", .unit = "sessions",
     .help = "Minimum rise of the low-water mark over all B<LeakWindows> "
             "windows together."},
    {OPTION("LeakMinRatio", NUMBER, struct log_options,
            sessions.trend.rise_ratio),
     .min = 0, .max = 1, .default_text = "0.0005",
     .help =
         "Minimum rise of the low-water mark, as a fraction of the sessions "
         "that were opened in these windows. Both minimums must be reached."},
    {OPTION("LeakNotificationsPerMinute", INTEGER, struct log_options,
            leak_notifications_per_minute),
     .min = 0, .max = 1000, .default_text = "6", .unit = "notifications",
     .help = "Maximum number of notifications a minute about leaked sessions. "
             "One more notification then gives the number of the others. 0: no "
             "notifications."},
    {OPTION("MaxSessions", INTEGER, struct log_options, sessions.sessions_max),
     .min = 1, .max = 16777216, .default_text = "65536", .unit = "sessions",
     .help = "Maximum number of open sessions that are tracked by name. "
             "Further sessions are only counted, as C<untracked>."},
    {OPTION("MaxLineBytes", INTEGER, struct log_options, read.max_line_bytes),
     .min = 1024, .max = 16777216, .default_text = "1048576", .unit = "bytes",
     .help = "Maximum length of a line that is searched. The rest of a longer "
             "line is not searched; the line is counted in "
             "C<derive-long_lines>."},
    {OPTION("MaxReadBytes", INTEGER, struct log_options, read.max_bytes),
     .min = 65536, .max = 1099511627776.0, .default_text = "1073741824",
     .unit = "bytes",
     .help = "Maximum number of bytes read from one file in one interval. The "
             "rest is read in the next interval; until then it is reported as "
             "C<gauge-lag_bytes>."},
    {OPTION("StartAt", WORD, struct log_options, start_at), .words = starts,
     .default_text = "end",
     .help = "Where to begin reading files that exist when the log is followed "
             "for the first time."},
};

static const struct option_block log_block = {
    .name = "Log",
    .label = OPTION_LABEL_REQUIRED,
    .is_repeatable = true,
    .size = sizeof(struct log_options),
    .help = "One log, in one or several files. NAME is the plugin instance of "
            "its values.",
    OPTION_ROWS(log_rows),
    .check_label = check_log_name,
    .check = check_log_block,
};

static const struct option option_rows[] = {
    {OPTION("StateDir", STRING, struct session_log_options, state_dir),
     .default_text = "/var/lib/collectd/session_log",
     .check = option_check_absolute_path,
     .help = "Directory for one state file per log, with the read positions "
             "and the counts. A restart of collectd neither loses a line nor "
             "counts one twice. The directory is created if it is missing."},
    {OPTION("MaxReadsPerSecond", INTEGER, struct session_log_options,
            max_reads_per_s),
     .min = 0, .max = 1000, .default_text = "20", .unit = "reads a second",
     .help = "Files are read as soon as they are written to, but each log at "
             "most this often. New errors and leaks are then reported without "
             "waiting for the interval. 0: files are read only once in each "
             "interval."},
    {OPTION("Log", BLOCK, struct session_log_options, logs),
     .block = &log_block},
};

const struct option_block session_log_options = {
    .name = "session_log",
    .size = sizeof(struct session_log_options),
    .help = "Follows application logs and counts the database sessions and "
            "errors that they report.",
    OPTION_ROWS(option_rows),
};
