/* SPDX-License-Identifier: MIT */
/* response_options: the options of a <Response>, and those that all responses
 * share. */
#pragma once

#include "core/option.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/actions/switch_store.h"
#include "resource_alert/clients/kubernetes.h"

/* What all responses share; a part of the plugin's outermost block. */
struct responses_options {
  int mode;           /* enum action_mode */
  char *disable_file; /* while it exists, no attempt is made; NULL: none */
  char *helper_dir;   /* where the helper program of <Exec> lies */
  struct option_blocks stores;     /* struct switch_store_options */
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
  struct option_strings when;   /* names of rules */
  struct option_strings unless; /* the same */
  int min_severity;             /* enum response_trigger */
  int64_t engage_s;
  int64_t release_s;
  int64_t hold_missing_s;
  int64_t max_actions;                        /* an hour; 0: no limit */
  int64_t self_test_s;                        /* 0: none */
  int64_t effect_check_s;                     /* 0: none */
  int mode;                                   /* enum action_mode */
  struct option_blocks actions[ACTION_KINDS]; /* by enum action_kind */
};

extern const struct option_block response_block;

/* The names of all rules by their index; borrowed. */
struct response_rule_names {
  const char *const *names;
  size_t len;
};

/* Returns false, with *ret_index untouched, where there is no such rule. */
bool response_rule_names_find(const struct response_rule_names *rule_names,
                              const char *name, size_t *ret_index);

/* The action number I of a kind; there must be one. */
const struct action_options *
response_options_action_at(const struct response_options *options,
                           enum action_kind kind, size_t i);

/* One target of an action: a switch has one in each store. */
struct response_target {
  const struct action_options *options; /* borrowed, as is the store */
  enum action_kind kind;
  size_t configured; /* the action's number in the order of the file */
  const struct switch_store_options *store; /* NULL for all but switches */
};

/* How many targets there are in all. stores: the struct switch_store_options in
 * which switches are kept; NULL: stores do not matter, each action has one
 * target. */
size_t response_options_count_targets(const struct response_options *options,
                                      const struct option_blocks *stores);

/* The target number INDEX, in the order of the file; there must be one. */
struct response_target
response_options_find_target(const struct response_options *options,
                             const struct option_blocks *stores, size_t index);

/* Writes its name, "Switch limit_noncore_api", with_store: "... in etcd". The
 * name with the store stays the same over a restart. Returns the part of TEXT
 * that is the action's subject, "limit_noncore_api". */
#define RESPONSE_ACTION_NAME_BYTES 192
const char *
response_options_format_action(const struct response_target *target,
                               bool with_store,
                               char text[RESPONSE_ACTION_NAME_BYTES]);

#define RESPONSES_MODE_HELP                                                    \
  "C<auto> takes actions. C<dryrun> only writes to the journal which actions " \
  "it would take; if a target can test an action without changing anything, "  \
  "it is asked to do so. C<off> does nothing: the action stays as it is, on "  \
  "or off, and its response continues without it. A response whose actions "   \
  "are all off does not engage. The plugin, each response and each action "    \
  "have a B<Mode>; the strictest of the three applies."
#define RESPONSES_DISABLE_FILE_HELP                                            \
  "While this file exists, no action is taken or undone. The plugin checks "   \
  "it before every action. Create the file to stop all responses at once."
#define RESPONSES_HELPER_DIR_HELP                                              \
  "Directory of the program C<resource-alert-exec>, which runs the commands "  \
  "of B<E<lt>ExecE<gt>>. The default is the directory where it is installed."

/* Where cmake installs the helper program. */
#ifndef RESPONSES_HELPER_DIR
#define RESPONSES_HELPER_DIR "/usr/libexec/collectd-resource-alert"
#endif

/* The options in the plugin's outermost block. outer: the tag of its struct;
 * member: its field of struct responses_options. */
#define RESPONSES_OPTION_ROWS(outer, member)                                   \
  {OPTION("Mode", WORD, struct outer, member.mode),                            \
   .words = action_mode_words, .default_text = "auto",                         \
   .help = RESPONSES_MODE_HELP},                                               \
      {OPTION("DisableFile", STRING, struct outer, member.disable_file),       \
       .example = "\"/run/collectd/responses.off\"",                           \
       .check = option_check_absolute_path,                                    \
       .help = RESPONSES_DISABLE_FILE_HELP},                                   \
      {OPTION("HelperDir", STRING, struct outer, member.helper_dir),           \
       .default_text = RESPONSES_HELPER_DIR,                                   \
       .check = option_check_absolute_path,                                    \
       .help = RESPONSES_HELPER_DIR_HELP},                                     \
      {OPTION("SwitchStore", BLOCK, struct outer, member.stores),              \
       .block = &switch_store_block},                                          \
      {OPTION("Kubernetes", BLOCK, struct outer, member.kubernetes),           \
       .block = &kubernetes_block},                                            \
  {                                                                            \
    OPTION("Response", BLOCK, struct outer, member.responses),                 \
        .block = &response_block                                               \
  }
