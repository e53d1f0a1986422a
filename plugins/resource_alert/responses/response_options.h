/* SPDX-License-Identifier: MIT */
/* response_options: what a <Response>, and what all of them share, may hold. */
#ifndef RESOURCE_ALERT_RESPONSES_RESPONSE_OPTIONS_H
#define RESOURCE_ALERT_RESPONSES_RESPONSE_OPTIONS_H

#include "core/option.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/actions/switch_store.h"
#include "resource_alert/clients/kubernetes.h"

/* What all responses share; a part of the plugin's outermost block. */
struct responses_options {
  int mode;                    /* enum action_mode */
  char *off_file;              /* while it exists nothing is done; NULL: none */
  char *helper_dir;            /* where the helper program of <Exec> lies */
  struct option_blocks stores; /* struct switch_store_options */
  struct option_blocks kubernetes; /* struct kubernetes_options, one */
  struct option_blocks responses;  /* struct response_options */
};

/* The words of MinSeverity, by index. */
enum response_trigger {
  RESPONSE_TRIGGER_WARNING,
  RESPONSE_TRIGGER_FAILURE,
};

/* One <Response>. */
struct response_options {
  struct option_head head;
  struct option_strings when; /* names of <Threshold> rules */
  int at_least;               /* enum response_trigger */
  int64_t engage_s;
  int64_t release_s;
  int64_t stagger_s;
  int64_t grace_s;
  int64_t max_actions;                        /* an hour; 0: no limit */
  int64_t drill_s;                            /* 0: none */
  int64_t observe_s;                          /* 0: no */
  bool escalates;                             /* where nothing has moved */
  int mode;                                   /* enum action_mode */
  struct option_blocks actions[ACTION_KINDS]; /* by enum action_kind */
};

extern const struct option_block response_block;

/* How many actions of all kinds OPTIONS names. */
size_t response_options_count_actions(const struct response_options *options);

#define RESPONSES_MODE_HELP                                                    \
  "C<auto> decides and acts. C<dryrun> decides, writes the journal and does "  \
  "nothing, save to ask those targets that can rehearse an act. C<off> does "  \
  "nothing at all: the action is left as it is, on or off, and its response "  \
  "gets on without it, or does not engage where it has no other. A response "  \
  "and an action have a C<Mode> of their own; the strictest of the three "     \
  "counts."
#define RESPONSES_OFF_FILE_HELP                                                \
  "While this file exists no action is begun, neither to engage nor to undo; " \
  "it is looked for before every act. For the person who wants the machine's " \
  "hands off at once."
#define RESPONSES_HELPER_DIR_HELP                                              \
  "Where the program C<resource-alert-exec> lies, which runs the commands of " \
  "B<E<lt>ExecE<gt>>. The default is the place where it is installed."

/* Where cmake installs the helper program. */
#ifndef RESPONSES_HELPER_DIR
#define RESPONSES_HELPER_DIR "/usr/libexec/collectd-resource-alert"
#endif

/* The rules of the outermost table. outer: its struct's tag; member: its field
 * of struct responses_options. */
#define RESPONSES_OPTION_ROWS(outer, member)                                   \
  {.name = "Mode",                                                             \
   .kind = OPTION_WORD,                                                        \
   .offset = offsetof(struct outer, member.mode),                              \
   .words = action_mode_words,                                                 \
   .default_text = "auto",                                                     \
   .help = RESPONSES_MODE_HELP},                                               \
      {.name = "DisableFile",                                                  \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(struct outer, member.off_file),                      \
       .example = "\"/run/collectd/responses.off\"",                           \
       .check = action_check_absolute,                                         \
       .help = RESPONSES_OFF_FILE_HELP},                                       \
      {.name = "HelperDir",                                                    \
       .kind = OPTION_STRING,                                                  \
       .offset = offsetof(struct outer, member.helper_dir),                    \
       .default_text = RESPONSES_HELPER_DIR,                                   \
       .check = action_check_absolute,                                         \
       .help = RESPONSES_HELPER_DIR_HELP},                                     \
      {.name = "SwitchStore",                                                  \
       .kind = OPTION_BLOCK,                                                   \
       .offset = offsetof(struct outer, member.stores),                        \
       .block = &switch_store_block},                                          \
      {.name = "Kubernetes",                                                   \
       .kind = OPTION_BLOCK,                                                   \
       .offset = offsetof(struct outer, member.kubernetes),                    \
       .block = &kubernetes_block},                                            \
  {                                                                            \
    .name = "Response", .kind = OPTION_BLOCK,                                  \
    .offset = offsetof(struct outer, member.responses),                        \
    .block = &response_block                                                   \
  }

#endif
