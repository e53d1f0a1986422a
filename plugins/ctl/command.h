/* SPDX-License-Identifier: MIT */
/* command: what resource-alertctl can be told, as one table: it drives the
 * reading of arguments, --help, the manual page and the completion. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Exit codes, those of monitoring plugins. */
enum command_result {
  COMMAND_OKAY,    /* nothing is wrong */
  COMMAND_WARNING, /* something deserves a look */
  COMMAND_FAILURE, /* something is wrong */
  COMMAND_UNKNOWN, /* could not tell: wrong arguments, no file, no daemon */
};

#define COMMAND_FLAGS_MAX 12

/* One --flag. */
struct command_flag {
  const char *name;     /* "socket" */
  const char *argument; /* "PATH"; NULL: takes none */
  const char *help;     /* a sentence without its full stop */
};

/* What was given. All strings are the process's own arguments. */
struct command_line {
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
  const char *summary; /* a line of --help */
  const char *help;    /* POD, for the manual */
  const struct command_flag *flags;
  size_t flags_len;
  /* Returns enum command_result. */
  int (*run)(const struct command_line *line);
};

extern const struct command *const commands[];
extern const size_t commands_len;

/* Reads the arguments and runs the command; the body of main(). */
int command_main(int argc, char **argv);

/* The reference: sections of the manual, the completion of bash. */
void command_print_pod(FILE *file);
void command_print_completion(FILE *file);

/* "resource-alertctl: WHAT", on standard error. Returns COMMAND_UNKNOWN. */
int command_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
