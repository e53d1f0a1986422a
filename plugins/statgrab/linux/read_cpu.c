/* SPDX-License-Identifier: MIT */
/* read_cpu: /proc/stat. */
#include <errno.h>

#include "statgrab/linux/linux_driver.h"
#include "statgrab/tables.h"

/* The columns of a cpu line, in the kernel's order. */
static const enum cpu_state columns[] = {
    CPU_USER,      CPU_NICE,    CPU_SYSTEM, CPU_IDLE,  CPU_WAIT,
    CPU_INTERRUPT, CPU_SOFTIRQ, CPU_STEAL,  CPU_GUEST, CPU_GUEST_NICE,
};

static bool take_ticks(struct scan *line, struct cpu_ticks *ticks) {
  *ticks = cpu_ticks_unknown();
  size_t found = 0;
  for (; found < CPU_STATES; found++) {
    if (!scan_number(line, &ticks->states[columns[found]])) {
      break;
    }
  }
  return found > CPU_IDLE; /* an old kernel ends behind idle */
}

/* Behind "cpu": "  1 2 3 ..." is all of them, "0 1 2 3 ..." is one. */
static int take_cpu(struct scan *line, struct cpu_facts *facts) {
  struct cpu_ticks ticks;
  if (line->at < line->end && *line->at == ' ') {
    bool is_good = take_ticks(line, &ticks);
    facts->all = is_good ? ticks : facts->all;
    return is_good ? 0 : -EBADMSG;
  }
  uint64_t number;
  if (!scan_number(line, &number) || number > CPU_NUMBER_MAX ||
      !take_ticks(line, &ticks)) {
    return -EBADMSG;
  }
  return cpu_facts_add(facts, (unsigned)number, &ticks);
}

static int take_line(struct scan *line, void *context) {
  struct cpu_facts *facts = context;
  if (scan_literal(line, "cpu")) {
    return take_cpu(line, facts);
  }
  const struct scan_field fields[] = {
      {"intr", &facts->interrupts},
      {"ctxt", &facts->context_switches},
      {"processes", &facts->forks},
  };
  return scan_field(line, fields, sizeof(fields) / sizeof(fields[0]));
}

/* What every kernel tells. */
static const char *what_lacks(const struct cpu_facts *facts) {
  return facts->all.states[CPU_IDLE] == FACT_UNKNOWN ? "cpu line"
         : facts->interrupts == FACT_UNKNOWN         ? "intr"
         : facts->context_switches == FACT_UNKNOWN   ? "ctxt"
         : facts->forks == FACT_UNKNOWN              ? "processes"
                                                     : NULL;
}

int linux_read_cpu(struct driver *driver, struct cpu_facts *facts,
                   struct error *error) {
  cpu_facts_clear(facts);
  struct scan text;
  struct proc_file *file = &driver->stat;
  int code = proc_file_read(file, driver->root, &text, error);
  if (code == 0) {
    code = linux_take_lines(driver, file, text, take_line, facts, error);
  }
  facts->online = facts->each_len > 0 ? facts->each_len : FACT_UNKNOWN;
  const char *lacks = what_lacks(facts);
  return code == 0 && lacks != NULL ? linux_refuse(driver, file, lacks, error)
                                    : code;
}
