/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of this machine. */
#ifndef IMS_OS_OWN_H
#define IMS_OS_OWN_H

#include <stddef.h>

#include "lib/base/ip.h"

enum { OWN_ADDRESSES_MAX = 256 };

/* Those of its interfaces, at most OWN_ADDRESSES_MAX; needs a netlink socket, so it is
 * for the time before the sandbox. Returns how many. */
size_t own_addresses_get(struct ip ips[OWN_ADDRESSES_MAX]);

#endif
