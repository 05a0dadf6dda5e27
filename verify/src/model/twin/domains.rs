//! Steps of the host: domains that come, go and change.

use myriad_core::{DomId, Instance, Seat, Store};

use super::Step;
use super::compare::same;
use crate::model::Model;

/// Does a step to both and compares what they say; keeps the life of a domain that dies.
pub(super) fn step(
    store: &Store,
    model: &mut Model,
    dead: &mut Vec<(DomId, Instance)>,
    step: &Step,
) -> Result<(), String> {
    match *step {
        Step::Know(domid) => {
            let life = store.edit(|e| Ok(e.know_domain(domid))).result;
            same("a life", life, Ok(model.know_domain(domid)))
        }
        Step::Introduce(domid) => {
            let news = store.edit(|e| Ok(e.introduce(domid))).result;
            same("INTRODUCE", news, Ok(model.introduce(domid)))
        }
        Step::Release(domid) => {
            let life = model.domains().find(|d| d.domid == domid).map(|d| d.life);
            dead.extend(life.filter(|l| *l != Instance::CONTROL).map(|l| (domid, l)));
            same("RELEASE", store.edit(|e| e.release(domid)).result, model.release(domid))
        }
        Step::Shutdown(ref domids) => {
            let news = store.edit(|e| Ok(e.shutdown(domids))).result;
            same("a shutdown", news, Ok(model.shutdown(domids)))
        }
        Step::Resume(domid) => {
            same("RESUME", store.edit(|e| e.resume(domid)).result, model.resume(domid))
        }
        Step::Target(domid, target) => {
            let done = store.edit(|e| e.set_target(domid, target)).result;
            same("SET_TARGET", done, model.set_target(domid, target))
        }
        Step::Features(domid, bits) => {
            let done = store.edit(|e| e.set_features(domid, bits)).result;
            same("SET_FEATURE", done, model.set_features(domid, bits))
        }
        Step::Quota(domid, quota, value) => {
            let done = store.edit(|e| e.set_quota(domid, quota, value)).result;
            same("SET_QUOTA", done, model.set_quota(domid, quota, value))
        }
        Step::Seat(domid, unique_id) => {
            let seat = Seat { unique_id, port: 1 };
            let done = store.edit(|e| {
                e.seat(domid, seat);
                Ok(())
            });
            model.seat(domid, seat);
            same("a seat", done.result, Ok(()))
        }
        _ => Ok(()),
    }
}
