/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/own.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

static bool address_take(const struct sockaddr *sa, struct ip *out)
{
	if (!sa) return false;
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)sa;
		*out = ip_of_v4(ntohl(v4->sin_addr.s_addr));
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)sa;
		memcpy(out->octets, v6->sin6_addr.s6_addr, sizeof out->octets);
	} else {
		return false;
	}
	return true;
}

size_t own_addresses_get(struct ip ips[OWN_ADDRESSES_MAX])
{
	struct ifaddrs *all = NULL;
	size_t count = 0;
	if (getifaddrs(&all) != 0) return 0;
	for (const struct ifaddrs *i = all; i && count < OWN_ADDRESSES_MAX;
	     i = i->ifa_next)
		if (address_take(i->ifa_addr, &ips[count])) count++;
	freeifaddrs(all);
	return count;
}
