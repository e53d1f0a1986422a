/* SPDX-License-Identifier: MIT */
/* swap_values: what is told of swap space and of paging. */
#ifndef STATGRAB_SWAP_VALUES_H
#define STATGRAB_SWAP_VALUES_H

#include "statgrab/facts.h"
#include "statgrab/options.h"
#include "statgrab/outlet.h"

/* Puts percent-used, 0 on a machine without swap, and the space. What is also
 * cached in memory counts as used, as psutil has it; as free of use under
 * native names. False, and nothing put, where the size is not known. */
bool swap_put(const struct memory_facts *facts,
              const struct swap_options *options,
              const struct outlets *outlets);

/* Puts what is moved in and out; page_bytes: of one page. */
void swap_put_io(const struct paging_facts *facts, uint64_t page_bytes,
                 const struct swap_options *options,
                 const struct outlets *outlets);

/* Puts block I/O, swapping, faults and OOM kills. */
void paging_put(const struct paging_facts *facts,
                const struct outlets *outlets);

#endif
