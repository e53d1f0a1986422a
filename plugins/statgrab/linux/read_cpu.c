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
    if (take_ticks(line, &ticks)) {
      facts->all = ticks;
    }
    return 0;
  }
  uint64_t number;
  if (!scan_number(line, &number) || number > CPU_NUMBER_MAX ||
      !take_ticks(line, &ticks)) {
    return 0;
  }
  return cpu_facts_add(facts, (unsigned)number, &ticks);
}

static int take_line(struct scan *line, struct cpu_facts *facts) {
  if (scan_literal(line, "cpu")) {
    return take_cpu(line, facts);
  }
  const struct {
    const char *name;
    uint64_t *value;
  } wanted[] = {
      {"intr ", &facts->interrupts},
      {"ctxt ", &facts->context_switches},
      {"processes ", &facts->forks},
  };
  for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
    if (scan_literal(line, wanted[i].name)) {
      (void)scan_number(line, wanted[i].value);
      return 0;
    }
  }
  return 0;
}

int linux_read_cpu(struct driver *driver, struct cpu_facts *facts,
                   struct error *error) {
  cpu_facts_clear(facts);
  struct scan text, line;
  int code = proc_file_read(&driver->stat, driver->root, &text, error);
  while (code == 0 && scan_line(&text, &line)) {
    code = take_line(&line, facts);
    if (code == -ENOMEM) {
      return error_set(error, code, "out of memory");
    }
  }
  if (code != 0) {
    return code;
  }
  if (facts->all.states[CPU_IDLE] == FACT_UNKNOWN) {
    return linux_refuse(driver, &driver->stat, "cpu line", error);
  }
  facts->online = facts->each_len > 0 ? facts->each_len : FACT_UNKNOWN;
  return 0;
}
