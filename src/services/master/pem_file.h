/* SPDX-License-Identifier: Apache-2.0 */
/* Files with certificates and keys, as master reads them, and what is told of them. */
#ifndef IMS_SERVICES_MASTER_PEM_FILE_H
#define IMS_SERVICES_MASTER_PEM_FILE_H

#include "lib/os/tls.h"
#include "services/master/master.h"

enum { PEM_PATH_MAX = 1025 };

/* One that is in use. */
struct certificate {
	struct tls_certificate is;
	char path[PEM_PATH_MAX];
	int64_t warned_s; /* 0: not yet */
};

/* Appends the file as a string of buf_put_str. False: `why` says. */
bool pem_file_add(struct str name, size_t max, struct buf *out, struct buf *why);
/* Changes when the file does; goes on from `stamp`. */
uint64_t pem_file_stamp(struct str name, uint64_t stamp);

/* Of a listener or a route, which `field` says. */
void certificate_tell(struct master *m, enum event_name event, enum event_field field,
		      const char *of, const struct certificate *c);
/* Once a day, from 14 days before its end. */
void certificate_warn(struct master *m, enum event_field field, const char *of,
		      struct certificate *c);

#endif
