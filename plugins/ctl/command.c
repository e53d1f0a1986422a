/* SPDX-License-Identifier: MIT */
/* command: the table of resource-alertctl's commands, and what it drives.
 *
 * One table per command holds its name, options, operands and texts; the
 * reading of arguments, --help, the manual page and the completion are made
 * from it, so that they cannot differ. */
#include "ctl/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define PROGRAM "resource-alertctl"

#define YEAR_S (365.0 * 86400)

extern const struct command status_command, status_command_watch,
    control_commands_silence, control_commands_forget, control_commands_mode,
    control_commands_deactivate, control_commands_reset,
    control_commands_self_test, journal_command, check_command, test_command,
    replay_command, names_command;

const struct command *const command_table[] = {
    &status_command,
    &status_command_watch,
    &control_commands_silence,
    &control_commands_forget,
    &control_commands_mode,
    &control_commands_deactivate,
    &control_commands_reset,
    &control_commands_self_test,
    &journal_command,
    &check_command,
    &test_command,
    &replay_command,
    &names_command,
};

const size_t command_table_len =
    sizeof(command_table) / sizeof(command_table[0]);

int command_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  (void)fputs(PROGRAM ": ", stderr);
  (void)vfprintf(stderr, format, arguments);
  (void)fputc('\n', stderr);
  va_end(arguments);
  return COMMAND_UNKNOWN;
}

int command_parse_duration(const char *text, double *ret_s,
                           struct error *error) {
  static const struct {
    const char *name;
    double size_s;
  } units[] = {{"", 1},     {"s", 1},     {"m", 60},
               {"h", 3600}, {"d", 86400}, {"w", 604800}};
  char *rest = NULL;
  double number = strtod(text, &rest);
  for (size_t i = 0; rest != text && i < sizeof(units) / sizeof(units[0]);
       i++) {
    double seconds = number * units[i].size_s;
    if (strcmp(rest, units[i].name) == 0 && seconds > 0 && seconds <= YEAR_S) {
      *ret_s = seconds;
      return 0;
    }
  }
  return error_set(error, -EINVAL,
                   "\"%s\" is not a duration; write 90s, 15m, 2h or 7d, at "
                   "most a year",
                   text);
}

bool command_parse_duration_flag(const struct command_line *line, int flag,
                                 double *seconds) {
  struct error error = {{0}};
  if (line->flags[flag] == NULL ||
      command_parse_duration(line->flags[flag], seconds, &error) == 0) {
    return true;
  }
  (void)command_fail("%s: --%s %s", line->command->name,
                     line->command->flags[flag].name, error.text);
  return false;
}

/* ---- arguments ---- */

/* Without a newline: the callers print it on different streams. */
static void print_synopsis(const struct command *command, FILE *file) {
  (void)fprintf(file, "%s %s%s%s%s", PROGRAM, command->name,
                command->flags[0].name != NULL ? " [OPTION ...]" : "",
                command->operands[0] == '\0' ? "" : " ", command->operands);
}

/* --help is known to each command and stands in no table. */
static int print_command_help(const struct command *command) {
  (void)fputs("Usage: ", stdout);
  print_synopsis(command, stdout);
  (void)printf("\n%s\n\n", command->summary);
  for (const struct command_flag *flag = command->flags; flag->name != NULL;
       flag++) {
    char text[64];
    (void)snprintf(text, sizeof(text), "--%s%s%s", flag->name,
                   flag->argument == NULL ? "" : " ",
                   flag->argument == NULL ? "" : flag->argument);
    (void)printf("  %-20s %s\n", text, flag->help);
  }
  (void)printf("  %-20s %s\n", "--help", "show this help");
  return COMMAND_OKAY;
}

/* The summaries are those of the manual. */
static int print_help(void) {
  (void)printf("Usage: %s COMMAND [OPTION ...] [ARGUMENT ...]\n\n", PROGRAM);
  for (size_t i = 0; i < command_table_len; i++) {
    (void)printf("  %-11s %s\n", command_table[i]->name,
                 command_table[i]->summary);
  }
  (void)printf("\nExamples:\n"
               "    %s status\n"
               "    %s silence pool_used --for 2h --comment deployment\n"
               "    %s journal --since 1h -n 20\n",
               PROGRAM, PROGRAM, PROGRAM);
  (void)printf("\n%s COMMAND --help shows a command's options; "
               "man %s describes everything.\n",
               PROGRAM, PROGRAM);
  return COMMAND_OKAY;
}

/* Names the flag that was probably meant; else where all of them stand. */
static int refuse_flag(const struct command *command, const char *name,
                       size_t length) {
  char unknown[64];
  (void)snprintf(unknown, sizeof(unknown), "%.*s", (int)length, name);
  struct text_nearest nearest = text_nearest_begin(unknown);
  for (const struct command_flag *flag = command->flags; flag->name != NULL;
       flag++) {
    text_nearest_offer(&nearest, flag->name);
  }
  return nearest.name != NULL
             ? command_fail("%s: unknown option --%s; did you mean --%s?",
                            command->name, unknown, nearest.name)
             : command_fail("%s: unknown option --%s; see %s %s --help",
                            command->name, unknown, PROGRAM, command->name);
}

/* Reads the flag at argv[*at], and its argument. */
static int parse_flag(const struct command *command, int argc, char **argv,
                      int *at, struct command_line *line) {
  const char *name = argv[*at] + 2;
  size_t length = strcspn(name, "=");
  const char *value = name[length] == '=' ? name + length + 1 : NULL;
  const struct command_flag *flag = command->flags;
  while (flag->name != NULL && (strlen(flag->name) != length ||
                                strncmp(flag->name, name, length) != 0)) {
    flag++;
  }
  if (flag->name == NULL) {
    return refuse_flag(command, name, length);
  }
  if (flag->argument == NULL && value != NULL) {
    return command_fail("%s: --%s takes no argument", command->name,
                        flag->name);
  }
  if (flag->argument != NULL && value == NULL) {
    if (*at + 1 >= argc) {
      return command_fail("%s: --%s needs an argument: %s", command->name,
                          flag->name, flag->argument);
    }
    value = argv[++*at];
  }
  line->flags[flag - command->flags] = value == NULL ? "" : value;
  return COMMAND_OKAY;
}

/* Moves the operands to the front of argv; options may be among them. */
static int parse_arguments(const struct command *command, int argc, char **argv,
                           struct command_line *line, bool *ret_wants_help) {
  static char lines[] = "--lines"; /* -n, as of tail and journalctl */
  bool is_only_operands = false;
  line->operands = argv;
  for (int i = 0; i < argc; i++) {
    argv[i] = strcmp(argv[i], "-n") == 0 ? lines : argv[i];
    if (!is_only_operands && strcmp(argv[i], "--") == 0) {
      is_only_operands = true;
    } else if (!is_only_operands && strcmp(argv[i], "--help") == 0) {
      *ret_wants_help = true;
    } else if (!is_only_operands && strncmp(argv[i], "--", 2) == 0) {
      if (parse_flag(command, argc, argv, &i, line) != COMMAND_OKAY) {
        return COMMAND_UNKNOWN;
      }
    } else {
      argv[line->operands_len++] = argv[i];
    }
  }
  return COMMAND_OKAY;
}

/* --help counts wherever it stands, even if operands are missing. */
static int parse_and_run_command(const struct command *command, int argc,
                                 char **argv) {
  struct command_line line = {.command = command};
  bool wants_help = false;
  if (parse_arguments(command, argc, argv, &line, &wants_help) !=
      COMMAND_OKAY) {
    return COMMAND_UNKNOWN;
  }
  if (wants_help) {
    return print_command_help(command);
  }
  if (line.operands_len < command->operands_min ||
      line.operands_len > command->operands_max) {
    (void)command_fail("%s: %s arguments", command->name,
                       line.operands_len < command->operands_min ? "too few"
                                                                 : "too many");
    (void)fputs("usage: ", stderr);
    print_synopsis(command, stderr);
    (void)fputc('\n', stderr);
    return COMMAND_UNKNOWN;
  }
  return command->run(&line);
}

/* Names the command that was probably meant. */
static int refuse_command(const char *name) {
  struct text_nearest nearest = text_nearest_begin(name);
  for (size_t i = 0; i < command_table_len; i++) {
    text_nearest_offer(&nearest, command_table[i]->name);
  }
  return nearest.name != NULL
             ? command_fail("unknown command %s; did you mean %s?", name,
                            nearest.name)
             : command_fail("unknown command %s; see %s --help", name, PROGRAM);
}

int command_main(int argc, char **argv) {
  if (argc < 2) {
    (void)print_help();
    return COMMAND_UNKNOWN;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    return print_help();
  }
  if (strcmp(argv[1], "--version") == 0) {
    (void)printf("%s %s\n", PROGRAM, PROJECT_VERSION);
    return COMMAND_OKAY;
  }
  for (size_t i = 0; i < command_table_len; i++) {
    if (strcmp(command_table[i]->name, argv[1]) == 0) {
      return parse_and_run_command(command_table[i], argc - 2, argv + 2);
    }
  }
  return refuse_command(argv[1]);
}
