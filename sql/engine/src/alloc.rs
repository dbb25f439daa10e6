//! Taking pages into use.

use crate::cancel::CancelToken;
use crate::control::{CONTROL_PAGE, Control, OFFSET_SPANS, u64_patch};
use crate::engine::{Engine, Pins};
use crate::error::{Error, Result};
use crate::mtr::Mtr;
use crate::space::{self, map_page};
use protocol::redo::Change;
use protocol::{Lsn, PageId};
use std::sync::atomic::Ordering;

/// Free pages that are looked at, and found to be of use later only, before one is taken that was never used.
const UNRIPE_MAX: u32 = 4;

/// A reserved page. It goes back unless [`Allocation::used`] is told that its bit was set.
pub struct Allocation<'a> {
    engine: &'a Engine,
    page: PageId,
    lsn: Lsn,
    done: bool,
}

impl Allocation<'_> {
    pub fn page(&self) -> PageId {
        self.page
    }

    /// The mini-transaction that sets the page's bit was appended.
    pub fn used(mut self) {
        self.done = true;
        self.engine.space.used(self.page);
        self.engine.counters.pages_allocated.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Allocation<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.engine.space.freed(self.page, self.lsn);
        }
    }
}

impl Engine {
    /// Reserves a page; it and its space map page are then cached and pinned.
    pub(crate) async fn allocate(&self, pins: &mut Pins) -> Result<Allocation<'_>> {
        if !self.space.is_open() {
            pins.clear();
            self.open_space().await?;
        }
        let mut unripe = 0;
        loop {
            let oldest = self.registry.horizon().oldest();
            let Some(pick) = self.space.pick(oldest, unripe < UNRIPE_MAX) else {
                pins.clear();
                self.add_span().await?;
                continue;
            };
            // From here on the reservation is undone when the future is dropped.
            let mut allocation = Allocation { engine: self, page: pick.page, lsn: Lsn::ZERO, done: false };
            let frame = self.load(pins, pick.page, pick.fresh).await?;
            let lsn = frame.latch.read().lsn();
            allocation.lsn = lsn;
            if lsn > oldest {
                unripe += 1;
                continue; // It goes back with its LSN and is picked again when that is past.
            }
            self.load(pins, map_page(space::locate(pick.page).0), false).await?;
            if !pick.fresh {
                self.counters.pages_reused.fetch_add(1, Ordering::Relaxed);
            }
            return Ok(allocation);
        }
    }

    async fn read_control(&self, pins: &mut Pins) -> Result<Control> {
        let frame = self.load(pins, CONTROL_PAGE, false).await?;
        let page = frame.latch.read();
        Control::read(&page)
    }

    async fn open_space(&self) -> Result<()> {
        let _extending = self.extending.lock().await;
        if self.space.is_open() {
            return Ok(());
        }
        let mut pins = Pins::default();
        let spans = self.read_control(&mut pins).await?.spans;
        let Some(last) = spans.checked_sub(1) else {
            return Err(Error::Corrupt { page: CONTROL_PAGE, why: "it counts no space map pages".into() });
        };
        let frame = self.load(&mut pins, map_page(last), false).await?;
        self.space.open(spans, &frame.latch.read());
        Ok(())
    }

    /// Adds a space map page behind the last span.
    async fn add_span(&self) -> Result<()> {
        let seen = self.space.spans();
        let _extending = self.extending.lock().await;
        if self.space.spans() != seen {
            return Ok(());
        }
        let log = self.log()?.clone();
        let mut pins = Pins::default();
        let id = map_page(seen);
        self.load(&mut pins, id, true).await?;
        self.admit(&log, &mut pins).await?;
        self.retry(&mut pins, &CancelToken::new(), || {
            let (map, control) = (self.page(id)?, self.page(CONTROL_PAGE)?);
            let mut empty = protocol::Page::empty(id);
            protocol::redo::apply_change(&mut empty, Lsn(1), &space::init()).expect("a raw page is initialised");
            let mut mtr = Mtr::new(&self.dirty);
            let (map_at, control_at) = (mtr.latch(&map), mtr.latch(&control));
            mtr.change(map_at, space::init());
            mtr.change(map_at, space::set_bits(&empty, [0], true));
            mtr.change(control_at, Change::PatchRaw { patches: vec![u64_patch(OFFSET_SPANS, seen + 1)] });
            mtr.commit(&log, |_| {});
            Ok(())
        })
        .await?;
        self.space.add_span();
        Ok(())
    }

    /// Learns which pages of one more span are free. Returns whether spans are left.
    pub(crate) async fn scan_free_pages(&self) -> Result<bool> {
        if !self.space.is_open() {
            self.open_space().await?;
        }
        let Some(span) = self.space.unscanned() else { return Ok(false) };
        let frame = self.load(&mut Pins::default(), map_page(span), false).await?;
        self.space.scan(span, &frame.latch.read());
        Ok(true)
    }
}
