/* SPDX-License-Identifier: Apache-2.0 */
/* What the pieces of the role share. */
#ifndef IMS_HTTP_HTTP_H
#define IMS_HTTP_HTTP_H

#include "lib/os/own.h"
#include "services/frame.h"
#include "services/http/reports.h"
#include "services/http/sts.h"
#include "services/http/token.h"

enum { HTTP_CA_MAX = 4 * 1024 * 1024 };

struct http {
	struct frame *frame;
	struct names names;
	struct web web;
	struct ip own[OWN_ADDRESSES_MAX]; /* of this machine */
	size_t own_count;
	bool drained; /* nothing is there any more that could take a message */
	struct tokens *tokens;
	struct sts sts;
	struct reports reports;
	struct buf ca; /* authorities of web servers, PEM; empty: there are none, so nobody is trusted */
	int folder;    /* state/http, for what must outlive the process; negative: -errno */
};

#endif
