/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS servers that are asked: those of the configuration, or of the system's file. */
#ifndef IMS_DNS_SERVERS_H
#define IMS_DNS_SERVERS_H

#include "lib/conf/conf.h"
#include "services/dns/stub.h"

/* Returns how many; 0: there are none, or the file has something that only the resolver
 * library may know what to do with. `resolv` is read if the configuration names none. */
size_t servers_get(const struct conf_resolver *conf, const char *resolv,
		   struct stub_server out[STUB_SERVERS_MAX]);

#endif
