//! RING: the connection goes on over rings in a memory file.
//!
//! The file is the host's to make and to hand over with the answer; here is who may have one.

use myriad_core::Errno;

use super::{Around, Done, Failed, Speaker};
use crate::{
    shm::Sizes,
    v2::{body::put, records::RingSizes},
};

impl Speaker {
    pub(super) fn ring(
        &mut self,
        wanted: &RingSizes,
        around: &mut Around<'_>,
        out: &mut Vec<u8>,
    ) -> Done {
        if self.has_rings {
            return Err(Failed::new(Errno::EEXIST, "the connection has rings already"));
        }
        if !around.is_last {
            let text =
                "send nothing behind RING before its answer: what follows goes over the rings";
            return Err(Failed::new(Errno::EBUSY, text));
        }
        let sizes = Sizes::granted(wanted.requests_size.get(), wanted.answers_size.get());
        around.host.share_rings(sizes).map_err(|errno| {
            let text = match errno {
                Errno::ENOSYS => "rings are not offered here",
                Errno::ENOSPC => "as many clients have rings as may: go on without",
                _ => "the system has no memory or descriptor for rings: go on without",
            };
            Failed::new(errno, text)
        })?;
        self.has_rings = true;
        let (requests, answers) = (sizes.requests().into(), sizes.answers().into());
        put(out, &RingSizes { requests_size: requests, answers_size: answers });
        Ok(0)
    }
}
