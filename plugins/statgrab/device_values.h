/* SPDX-License-Identifier: MIT */
/* device_values: what is told of disks and of network interfaces. */
#ifndef STATGRAB_DEVICE_VALUES_H
#define STATGRAB_DEVICE_VALUES_H

#include "statgrab/facts.h"
#include "statgrab/options.h"
#include "statgrab/outlet.h"
#include "statgrab/selection.h"

/* Puts the disks and partitions that are selected and have ever been used. */
void disks_put(const struct disk_table *table,
               const struct disk_options *options,
               const struct selection *selection,
               const struct outlets *outlets);

/* Puts the interfaces that are selected. */
void interfaces_put(const struct interface_table *table,
                    const struct interface_options *options,
                    const struct selection *selection,
                    const struct outlets *outlets);

#endif
