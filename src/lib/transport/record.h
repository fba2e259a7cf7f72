/* SPDX-License-Identifier: Apache-2.0 */
/* Records that stand among other texts of a name in the DNS (TXT). Pure. */
#ifndef IMS_TRANSPORT_RECORD_H
#define IMS_TRANSPORT_RECORD_H

#include "lib/base/str.h"

/* Of the texts (each as buf_put_str writes it) the one that is such a record; false: none is, or
 * several are, which counts as none (RFC 8461 3.1, RFC 8460 3). */
typedef bool record_is_fn(struct str text);
bool record_only(struct str texts, record_is_fn *is, struct str *record);

#endif
