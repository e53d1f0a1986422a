/* SPDX-License-Identifier: MIT */
/* command_completion: resource-alertctl's completion for bash, zsh and fish.
 *
 * All three are made from the table of commands. The names of rules and
 * responses come from the daemon while a person types; without a daemon there
 * are none. */
#include "command_completion.h"

#include <string.h>

#include "ctl/command.h"

#define PROGRAM "resource-alertctl"
#define ASK PROGRAM " names %s 2>/dev/null"

/* Calls WRITE for each flag of the command, and for --help. */
static void write_flags(const struct command *command, FILE *file,
                        void (*write)(const struct command *command,
                                      const struct command_flag *flag,
                                      FILE *file)) {
  static const struct command_flag help = {"help", NULL, "show the help"};
  for (const struct command_flag *flag = command->flags; flag->name != NULL;
       flag++) {
    write(command, flag, file);
  }
  write(command, &help, file);
}

/* ---- bash ---- */

static void write_bash_flag(const struct command *command,
                            const struct command_flag *flag, FILE *file) {
  (void)command;
  (void)fprintf(file, "--%s ", flag->name);
}

/* first: what the first operand may be; next: what the one after it may be. */
static void write_bash_command(const struct command *command, FILE *file) {
  const char *name_of = command->words == NULL ? "first" : "next";
  (void)fprintf(file, "    %s) words=\"", command->name);
  write_flags(command, file, write_bash_flag);
  (void)fputs("\"", file);
  if (command->words != NULL) {
    (void)fprintf(file, "; first=\"%s\"", command->words);
  }
  if (command->names != NULL) {
    (void)fprintf(file, "; %s=\"$(" ASK ")\"", name_of, command->names);
  }
  (void)fputs(" ;;\n", file);
}

static void print_bash(FILE *file) {
  (void)fputs("# bash completion of " PROGRAM "\n_resource_alertctl() {\n"
              "  local words=\"\" first=\"\" next=\"\"\n"
              "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words=\"",
              file);
  for (size_t i = 0; i < command_table_len; i++) {
    (void)fprintf(file, "%s ", command_table[i]->name);
  }
  (void)fputs("--help --version\"\n  else\n    case ${COMP_WORDS[1]} in\n",
              file);
  for (size_t i = 0; i < command_table_len; i++) {
    write_bash_command(command_table[i], file);
  }
  (void)fputs("    esac\n"
              "    [ \"$COMP_CWORD\" -eq 2 ] && words=\"$first $words\"\n"
              "    [ \"$COMP_CWORD\" -eq 3 ] && words=\"$next $words\"\n  fi\n"
              "  COMPREPLY=($(compgen -W \"$words\" -- "
              "\"${COMP_WORDS[COMP_CWORD]}\"))\n"
              "}\ncomplete -o default -F _resource_alertctl " PROGRAM "\n",
              file);
}

/* ---- zsh ---- */

/* In single quotes, without what _arguments reads as its own. */
static void write_zsh_text(const char *text, FILE *file) {
  for (; *text != '\0'; text++) {
    if (*text == '\'') {
      (void)fputs("'\\''", file);
    } else {
      (void)fprintf(file, "%s%c", strchr("[]:\\", *text) == NULL ? "" : "\\",
                    *text);
    }
  }
}

static void write_zsh_flag(const struct command *command,
                           const struct command_flag *flag, FILE *file) {
  (void)command;
  (void)fprintf(file, " \\\n        '--%s[", flag->name);
  write_zsh_text(flag->help, file);
  (void)fprintf(file, "]%s%s%s'", flag->argument == NULL ? "" : ":",
                flag->argument == NULL ? "" : flag->argument,
                flag->argument == NULL                ? ""
                : strcmp(flag->argument, "PATH") == 0 ? ":_files"
                                                      : ": ");
}

static void write_zsh_command(const struct command *command, FILE *file) {
  (void)fprintf(file, "      %s) _arguments", command->name);
  write_flags(command, file, write_zsh_flag);
  if (command->words != NULL) {
    (void)fprintf(file, " \\\n        ':word:(%s)'", command->words);
  }
  if (command->names != NULL) {
    (void)fprintf(file,
                  " \\\n        ':name:{compadd -- ${(f)\"$(" ASK ")\"}}'",
                  command->names);
  }
  if (command->words == NULL && command->names == NULL &&
      command->operands[0] != '\0') {
    (void)fputs(" \\\n        '*:file:_files'", file);
  }
  (void)fputs(" ;;\n", file);
}

static void print_zsh(FILE *file) {
  (void)fputs("#compdef " PROGRAM "\n_resource_alertctl() {\n"
              "  local -a commands=(\n",
              file);
  for (size_t i = 0; i < command_table_len; i++) {
    (void)fprintf(file, "    '%s:", command_table[i]->name);
    write_zsh_text(command_table[i]->summary, file);
    (void)fputs("'\n", file);
  }
  (void)fputs("  )\n  if (( CURRENT == 2 )); then\n"
              "    _describe command commands\n  else\n"
              "    shift words; (( CURRENT-- ))\n    case $words[1] in\n",
              file);
  for (size_t i = 0; i < command_table_len; i++) {
    write_zsh_command(command_table[i], file);
  }
  (void)fputs("    esac\n  fi\n}\n_resource_alertctl \"$@\"\n", file);
}

/* ---- fish ---- */

static void write_fish_text(const char *text, FILE *file) {
  for (; *text != '\0'; text++) {
    (void)fprintf(file, "%s%c", strchr("'\\", *text) == NULL ? "" : "\\",
                  *text);
  }
}

#define FISH_SEEN "complete -c " PROGRAM " -n '__fish_seen_subcommand_from %s'"

static void write_fish_flag(const struct command *command,
                            const struct command_flag *flag, FILE *file) {
  (void)fprintf(file, FISH_SEEN " -l %s%s -d '", command->name, flag->name,
                flag->argument == NULL ? "" : " -r");
  write_fish_text(flag->help, file);
  (void)fputs("'\n", file);
}

static void write_fish_command(const struct command *command, FILE *file) {
  (void)fprintf(
      file, "complete -c " PROGRAM " -f -n __fish_use_subcommand -a %s -d '",
      command->name);
  write_fish_text(command->summary, file);
  (void)fputs("'\n", file);
  write_flags(command, file, write_fish_flag);
  if (command->words != NULL) {
    (void)fprintf(file, FISH_SEEN " -f -a '%s'\n", command->name,
                  command->words);
  }
  if (command->names != NULL) {
    (void)fprintf(file, FISH_SEEN " -f -a '(" ASK ")'\n", command->name,
                  command->names);
  }
}

static void print_fish(FILE *file) {
  (void)fputs("# fish completion of " PROGRAM "\n", file);
  for (size_t i = 0; i < command_table_len; i++) {
    write_fish_command(command_table[i], file);
  }
}

bool command_completion_print(const char *shell, FILE *file) {
  static const struct {
    const char *shell;
    void (*print)(FILE *file);
  } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
  for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
    if (strcmp(shells[i].shell, shell) == 0) {
      shells[i].print(file);
      return true;
    }
  }
  return false;
}
