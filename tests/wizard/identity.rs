//! A table of which nothing tells the rows apart: the wizard offers what may become of it, and what was chosen is done.

use super::common::eventually;
use super::{pair, start, to_report, uris, wizard};

#[test]
fn whole_rows_are_chosen_and_an_update_arrives() {
    let pair = pair("logical");
    let notes = "CREATE TABLE notes (day int, note text); \
                 INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 100) n; CREATE SEQUENCE seven";
    pair.source.psql("shop", notes).unwrap();
    let setting = "SELECT relreplident FROM pg_class WHERE relname = 'notes'";
    let (source, target) = uris(&pair);
    let mut tty = wizard(&pair);
    to_report(&mut tty, (&source, &target));
    tty.wait("1 table without one");
    tty.tab_to("▌ Replica identity  ← refuse →");
    tty.send("\x1b[D");
    tty.wait("▌ Replica identity  ← full →");
    tty.wait("Run check judges it");
    assert_eq!(pair.source.psql("shop", setting).unwrap().trim(), "d");
    tty.tab_to("▐ Run check ▌");
    tty.send("\r");
    tty.wait_for("the choice judged", |screen| {
        screen.contains("[ Continue ]") || screen.contains("▐ Continue ▌")
    });
    tty.wait_for("nothing in the way", |screen| !screen.contains("Run check judges it"));
    tty.tab_to("▐ Continue ▌");
    tty.send("\r");
    tty.wait("What will happen");
    // The focus is on a button: the text is scrolled all the same.
    tty.send("\x1b[6~");
    tty.wait("1 sequence: values are set when you close");
    tty.wait("1 table without a replica identity (shop: public.notes), full:");
    tty.send("\x1b");
    tty.wait("\n Report");
    start(&mut tty);
    tty.wait("Replication mode active");
    assert_eq!(pair.source.psql("shop", setting).unwrap().trim(), "f");
    pair.source.psql("shop", "UPDATE notes SET note = 'changed' WHERE day = 42").unwrap();
    pair.source.psql("shop", "DELETE FROM notes WHERE day = 43").unwrap();
    let arrived = "SELECT count(*), count(*) FILTER (WHERE day = 42 AND note = 'changed') FROM notes";
    eventually(&pair.target, "shop", arrived, "99|1");
    // Closed, the source is as it was.
    tty.wait("2  Wait until lag is 0 B      ✔ now");
    tty.tab_to("▐ Close connection ▌");
    tty.send("\r");
    tty.wait("▐ Keep replicating ▌");
    tty.send("\t");
    tty.wait_for("its second button", |s| s.contains("▐ Close connection ▌") || s.contains("then close ▌"));
    tty.send("\r");
    tty.wait("✔ Ready: everything that was asked for is on the target");
    eventually(&pair.source, "shop", setting, "d");
    tty.send("q");
    assert_eq!(tty.exit(), 0);
}
