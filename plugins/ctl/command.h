/* SPDX-License-Identifier: MIT */
/* command: the table of resource-alertctl's commands: it drives the reading of
 * arguments, --help, the manual page and the completion. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/* Exit codes, those of monitoring plugins. */
enum command_result {
  COMMAND_OKAY,    /* nothing is wrong */
  COMMAND_WARNING, /* something may need attention */
  COMMAND_FAILURE, /* something is wrong */
  COMMAND_UNKNOWN, /* not known: wrong arguments, no file, no daemon */
};

#define COMMAND_FLAGS_MAX 8

/* One --flag. A command's file numbers its own by an enum. */
struct command_flag {
  const char *name;     /* "socket" */
  const char *argument; /* "PATH"; NULL: takes none */
  const char *help;     /* a sentence without its full stop */
};

/* The arguments of one call; the strings are those of argv. */
struct command_line {
  const struct command *command;
  /* By index in the command's flags: NULL where absent, "" for a flag without
   * an argument. */
  const char *flags[COMMAND_FLAGS_MAX];
  char **operands;
  int operands_len;
};

struct command {
  const char *name;
  const char *operands; /* "FILE ...", for the synopsis; "" for none */
  int operands_min, operands_max;
  const char *words;   /* what the first may be, for completion; NULL: files */
  const char *names;   /* what the next one names: "rules" or "responses" of the
                          daemon, see the command "names"; NULL: neither */
  const char *summary; /* a line of --help */
  const char *help;    /* POD, for the manual */
  struct command_flag flags[COMMAND_FLAGS_MAX]; /* up to one without a name */
  /* Returns enum command_result. */
  int (*run)(const struct command_line *line);
};

/* All commands, in the order of --help. */
extern const struct command *const command_table[];
extern const size_t command_table_len;

/* Reads the arguments and runs the command; the body of main(). */
int command_main(int argc, char **argv);

/* "resource-alertctl: WHAT", on standard error. Returns COMMAND_UNKNOWN. */
int command_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reads the duration of the flag with that index; where the flag is absent,
 * *seconds stays as it is. Returns false after it has printed what is wrong. */
bool command_parse_duration_flag(const struct command_line *line, int flag,
                                 double *seconds);

/* Reads "90", "90s", "15m", "2h", "7d" or "1w".
 * Returns 0 with seconds, more than 0 and at most a year; or -EINVAL. */
int command_parse_duration(const char *text, double *ret_s,
                           struct error *error);
