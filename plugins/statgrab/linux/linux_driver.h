/* SPDX-License-Identifier: MIT */
/* linux_driver: what the readers of /proc and /sys share. Each reader is as
 * struct source describes it. */
#ifndef STATGRAB_LINUX_LINUX_DRIVER_H
#define STATGRAB_LINUX_LINUX_DRIVER_H

#include <stdbool.h>

#include "core/error.h"
#include "statgrab/facts.h"
#include "statgrab/linux/proc_file.h"
#include "statgrab/mounts.h"

struct driver {
  const char *root; /* RootFS, "" for none; borrowed */
  struct proc_file cgroup;
  struct proc_file diskstats;
  struct proc_file file_nr;
  struct proc_file loadavg;
  struct proc_file meminfo;
  struct proc_file mountinfo;
  struct proc_file net_dev;
  struct proc_file pressure[PRESSURE_RESOURCES];
  struct proc_file stat;
  struct proc_file uptime;
  struct proc_file utmp;
  struct proc_file vmstat;
  char *mounts_text; /* owned: what the table was made from */
  size_t mounts_length;
  int proc_fd; /* the directory /proc, -1 while it is not open */
};

int linux_read_cgroup(struct driver *driver, struct cgroup_facts *facts,
                      struct error *error);
int linux_read_cpu(struct driver *driver, struct cpu_facts *facts,
                   struct error *error);
int linux_read_disks(struct driver *driver, struct disk_table *table,
                     struct error *error);
int linux_read_handles(struct driver *driver, struct handle_facts *facts,
                       struct error *error);
int linux_read_interfaces(struct driver *driver, struct interface_table *table,
                          struct error *error);
int linux_skip_links(struct driver *driver, struct interface_table *table,
                     struct error *error);
int linux_read_load(struct driver *driver, struct load_facts *facts,
                    struct error *error);
int linux_read_memory(struct driver *driver, struct memory_facts *facts,
                      struct error *error);
int linux_read_mounts(struct driver *driver, struct mount_table *table,
                      struct error *error);
int linux_read_paging(struct driver *driver, struct paging_facts *facts,
                      struct error *error);
int linux_read_pressure(struct driver *driver, struct pressure_facts *facts,
                        struct error *error);
int linux_read_processes(struct driver *driver, bool with_states,
                         struct process_facts *facts, struct error *error);
int linux_read_uptime(struct driver *driver, double *ret_uptime_s,
                      struct error *error);
int linux_read_users(struct driver *driver, uint64_t *ret_users,
                     struct error *error);

/* A file that does not hold what it should. Returns -EBADMSG. */
int linux_refuse(const struct driver *driver, const struct proc_file *file,
                 const char *lacks, struct error *error);

/* Takes one line into FACTS. Returns 0, also for a line that is of no interest;
 * -EBADMSG for one that is cut or garbage; -ENOMEM. */
typedef int linux_take_fn(struct scan *line, void *facts);

/* Hands each line of TEXT, which is FILE's, to TAKE. Returns 0; -EBADMSG where
 * some line is bad, the others are taken; -ENOMEM. */
int linux_take_lines(const struct driver *driver, const struct proc_file *file,
                     struct scan text, linux_take_fn *take, void *facts,
                     struct error *error);

/* Reads a file of names and numbers.
 * unit: what each number is multiplied with.
 * required: so many of the fields, the first ones, have to be there.
 * Returns 0; -EBADMSG where one of those is not, the others are set; another
 * negative errno. */
int linux_read_fields(struct driver *driver, struct proc_file *file,
                      const struct scan_field *fields, size_t fields_len,
                      size_t required, uint64_t unit, struct error *error);

#endif
