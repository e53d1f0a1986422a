/* SPDX-License-Identifier: MIT */
/* option: one table drives parsing, defaults, errors and the manual.
 *
 * A plugin describes each block of its configuration by a struct option_block
 * and gets a plain C struct filled in. Every struct that is filled by a block
 * begins with a struct option_head. The same table prints the manual and checks
 * the sample files (doc/option_doc.h), so that they always agree. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/config.h"
#include "core/error.h"

enum option_kind {
  OPTION_STRING,  /* char *, owned; NULL where unset and without a default */
  OPTION_STRINGS, /* struct option_strings: all values of all such lines */
  OPTION_BOOLEAN, /* bool */
  OPTION_INTEGER, /* int64_t */
  OPTION_NUMBER,  /* double, NaN where unset and without a default */
  OPTION_WORD,    /* int: index into words */
  OPTION_BLOCK,   /* struct option_blocks */
};

enum option_label { /* the quoted name in <Block "name"> */
                    OPTION_LABEL_NONE,
                    OPTION_LABEL_REQUIRED,
                    OPTION_LABEL_OPTIONAL,
};

struct option_strings {
  char **items; /* owned */
  size_t len;
};

struct option_blocks {
  void *items; /* owned: len structs of the block's size, side by side */
  size_t len;
};

struct option_head {
  char *label;     /* NULL where the block has none */
  size_t position; /* among all statements of its parent, to keep the order of
                      blocks of different names */
};

/* One option. What does not apply to the kind stays zero. */
struct option {
  const char *name;
  enum option_kind kind;
  size_t offset;            /* of the field in the block's struct */
  double min, max;          /* INTEGER, NUMBER: allowed range, both included */
  const char *default_text; /* as one would write it; NULL: none */
  const char *unit;         /* "seconds", "connections", ...; NULL: none */
  const char *help;         /* for the manual: sentences, POD allowed */
  const char *example;      /* what to write instead, for the error */
  bool is_required;         /* in every block but the outermost */
  const char *const *words; /* WORD, or STRINGS of these only; ends in NULL */
  const struct option_block *block; /* BLOCK */
  /* STRING, STRINGS: refuses a value with a reason; NULL: anything goes. */
  int (*check)(const char *value, struct error *error);
};

/* The beginning of an option: its name, its kind without OPTION_, and the field
 * FIELD of TYPE that it fills, whose type the compiler checks:
 *   {OPTION("PoolSize", INTEGER, struct pool_options, size), .min = 1, ...} */
#define OPTION(name_, kind_, type, field)                                      \
  .name = name_, .kind = OPTION_##kind_,                                       \
  .offset = offsetof(type, field) +                                            \
            _Generic(&((type *)NULL)->field, OPTION_FIELD_##kind_ *            \
                     : (size_t)0)
#define OPTION_FIELD_STRING char *
#define OPTION_FIELD_STRINGS struct option_strings
#define OPTION_FIELD_BOOLEAN bool
#define OPTION_FIELD_INTEGER int64_t
#define OPTION_FIELD_NUMBER double
#define OPTION_FIELD_WORD int
#define OPTION_FIELD_BLOCK struct option_blocks

struct option_block {
  const char *name; /* "Pool"; for a plugin's outermost block its name */
  enum option_label label;
  bool is_repeatable;   /* else a second one in the same parent is refused */
  bool may_share_label; /* else two of the same name are refused */
  /* The block of this name that it changes: one with the same label must stand
   * in the field already, and only the options that are written change. NULL:
   * it is a block of its own. */
  const char *amends;
  bool may_repeat_options; /* of an option given twice the last one counts; else
                              it is refused */
  size_t size;             /* of the struct that it fills */
  const char *help;        /* for the manual: what one block is for */
  const struct option *options;
  size_t options_len;
  int (*check_label)(const char *label, struct error *error); /* or NULL */
  /* A new block's struct, before its options are read, and that of its parent,
   * which has the options above the block; or NULL. */
  void (*begin)(const void *parent, void *target);
  /* Looks at the whole block once it is filled; or NULL. */
  int (*check)(const void *target, struct error *error);
};

#define OPTION_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The options of a block: an array of struct option. */
#define OPTION_ROWS(rows) .options = rows, .options_len = OPTION_COUNT(rows)

/* Puts the defaults into TARGET (block->size bytes, overwritten).
 * Returns 0 or -ENOMEM. */
int option_init(const struct option_block *block, void *target);

/* Appends a struct of BLOCK with its defaults to a field of kind BLOCK, as a
 * block without statements does. Returns 0 or -ENOMEM. */
int option_add_block(const struct option_block *block,
                     struct option_blocks *blocks);

/* The option of BLOCK with that name, ignoring case; NULL if there is none. */
const struct option *option_find(const struct option_block *block,
                                 const char *name);

/* TARGET's field of OPTION; for those who walk the table themselves. */
void *option_field(const struct option *option, void *target);

/* Fills TARGET, initialized before, from ITEM. May be called again with
 * another item for the same target: repeated blocks and strings add up, as
 * they do when collectd reads several files.
 * Returns 0; -EINVAL with one line that names block, option, value, allowed
 * range and what to write instead; -ENOMEM. TARGET stays valid to fini. */
int option_parse(const struct option_block *block,
                 const struct config_item *item, void *target,
                 struct error *error);

/* Frees what TARGET holds and zeroes it. Accepts NULL. */
void option_fini(const struct option_block *block, void *target);

#define OPTION_ALLOWED_BYTES 256

/* "1 to 10000 connections", "auto, dryrun or off", "" where any value is
 * allowed; cut at BYTES. */
void option_describe_allowed(const struct option *option, char *text,
                             size_t bytes);

#define OPTION_NAME_LENGTH_MAX 63

/* Checks for tables: an absolute path; a name that is safe in a path, a key, a
 * URL or a line of any protocol: letters, digits, '_', and behind the first '-'
 * and '.'. Return 0 or -EINVAL with the reason. */
int option_check_absolute_path(const char *value, struct error *error);
int option_check_name(const char *value, struct error *error);
