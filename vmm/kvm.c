#include "kvm.h"

#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define KVM_PATH "/dev/kvm"
#define KVM_API  12

static const struct {
	int cap;
	const char *name;
} kvm_needed[] = {
	{KVM_CAP_IRQCHIP, "in-kernel interrupt controllers"},
	{KVM_CAP_PIT2, "in-kernel timer"},
	{KVM_CAP_IRQFD, "irqfd"},
	{KVM_CAP_IOEVENTFD, "ioeventfd"},
	{KVM_CAP_IRQ_ROUTING, "interrupt routing"},
	{KVM_CAP_USER_MEMORY, "guest memory in user space"},
	{KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
	{KVM_CAP_XCRS, "extended control registers"},
	{KVM_CAP_MP_STATE, "processor run states"},
};

static int explain_open(int r, struct err *err)
{
	(void)err_set(err, r, "KVM: cannot open " KVM_PATH ": %s", strerror(-r));
	if (r == -ENOENT)
		err_hint(err, "enable virtualization (VT-x or AMD-V) in the firmware and load "
			      "kvm_intel or kvm_amd");
	else if (r == -EACCES || r == -EPERM)
		err_hint(err,
			"add your user to the group kvm (usermod -aG kvm USER, then log in again)");
	else if (r == -ENODEV || r == -ENXIO)
		err_hint(err,
			"the KVM module is not loaded, or the processor has no virtualization");
	return r;
}

int kvm_open(int *ret_fd, struct err *err)
{
	int fd = open(KVM_PATH, O_RDWR | O_CLOEXEC);
	int version;

	if (fd < 0)
		return explain_open(-errno, err);
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API) {
		(void)close(fd);
		return err_set(err, -ENOTSUP,
			"KVM: " KVM_PATH " speaks API version %d, %d is needed", version, KVM_API);
	}
	for (unsigned i = 0; i < sizeof(kvm_needed) / sizeof(kvm_needed[0]); i++) {
		if (ioctl(fd, KVM_CHECK_EXTENSION, kvm_needed[i].cap) > 0)
			continue;
		(void)close(fd);
		return err_set(err, -ENOTSUP, "KVM: the kernel lacks %s", kvm_needed[i].name);
	}
	*ret_fd = fd;
	return 0;
}

int kvm_ioctl(int fd, unsigned long request, uintptr_t arg)
{
	int r = -EINTR;

	for (unsigned i = 0; r == -EINTR && i < KVM_MAX_TRIES; i++) {
		r = ioctl(fd, request, arg);
		if (r < 0)
			r = -errno;
	}
	return r;
}
