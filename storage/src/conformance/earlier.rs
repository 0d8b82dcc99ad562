//! Texts that messages had before.

use super::Fixture;
use crate::model::{EarlierText, Fact, RoomId, StreamId};

/// Replaces the text of the first message.
async fn edit(fixture: &Fixture, room: RoomId, text: &str, keeps: bool) {
    let text = text.to_owned();
    let fact = Fact::MessageEdited { seq: 1, text, keeps };
    let edited = fixture.writer().fact(StreamId::Room(room), fact).await;
    edited.expect("edited");
}

async fn texts(fixture: &Fixture, room: RoomId) -> Vec<String> {
    let record = fixture
        .store()
        .message(room, 1)
        .await
        .expect("read")
        .expect("there");
    record.earlier.into_iter().map(|earlier| earlier.text).collect()
}

/// Replaced texts stay with their message, in their order and with the time of their writing, and go with its deletion.
pub async fn earlier_texts_stay_until_the_message_goes(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "one").await.expect("posted");
    let later = Fixture::START.plus_millis(1_000);
    fixture.clock().set(later);
    for text in ["two", "three"] {
        edit(fixture, room, text, true).await;
    }
    fixture.reopen().await;
    let record = fixture
        .store()
        .message(room, 1)
        .await
        .expect("read")
        .expect("there");
    let earlier = |at, text: &str| EarlierText {
        at,
        text: text.to_owned(),
    };
    assert_eq!(
        record.earlier,
        [earlier(Fixture::START, "one"), earlier(later, "two")]
    );
    assert_eq!(record.text, "three");
    fixture.writer().delete(room, 1).await.expect("deleted");
    assert!(texts(fixture, room).await.is_empty());
    fixture.reopen().await;
    assert!(texts(fixture, room).await.is_empty());
}

/// An edit that keeps nothing takes along what others have kept.
pub async fn earlier_texts_go_with_an_edit_that_keeps_none(fixture: &mut Fixture) {
    let room = fixture.make_room().await;
    fixture.writer().post(room, "one").await.expect("posted");
    edit(fixture, room, "two", true).await;
    assert_eq!(texts(fixture, room).await, ["one"]);
    edit(fixture, room, "three", false).await;
    assert!(texts(fixture, room).await.is_empty());
}
