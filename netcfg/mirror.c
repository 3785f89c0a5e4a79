#include "mirror.h"

int mirror_compile(struct ctl_mirror *mirror, struct pcap_filter_mark *ret_mark, struct err *err)
{
	int r;

	*ret_mark = (struct pcap_filter_mark){0};
	if (!CTL_HAS(mirror, ctl_mirror, filter))
		return 0;
	r = pcap_filter_compile(mirror->filter, mirror->program, ret_mark, err);
	if (!r && mirror->program[0])
		CTL_MARK(mirror, ctl_mirror, program);
	else if (!r)
		CTL_UNMARK(mirror, ctl_mirror, filter);
	return r;
}
