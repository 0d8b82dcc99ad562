//! Categories of a guild, and the order of what stands in its list.

use madang_storage::model::RoomId;

use super::describe::{Method, Operation, Scope, of_noun};
use super::input::{ids, number, text};
use super::{Answer, Call};
use crate::chat::view::CategoryView;
use crate::chat::{Categories, CategoryChanges, MAX_ORDERED, Result};

pub(super) fn operations() -> Vec<Operation> {
    of_noun(
        "channels",
        [
            Operation::new(Method::Get, "categories", "/guilds/{guild}/categories", categories)
                .about("The categories of a guild, from top to bottom.")
                .answers::<Categories>(),
            Operation::new(
                Method::Post,
                "create_category",
                "/guilds/{guild}/categories",
                create,
            )
            .about("Makes a category.")
            .scope(Scope::Manage)
            .takes(text("name", "up to 64 characters"))
            .takes(number("position", "lower ones come first; without it below all others").optional())
            .makes::<CategoryView>(),
            Operation::new(
                Method::Patch,
                "change_category",
                "/guilds/{guild}/categories/{category}",
                change,
            )
            .about("Changes a category; what is left out stays.")
            .scope(Scope::Manage)
            .takes(text("name", "up to 64 characters").optional())
            .takes(number("position", "lower ones come first").optional())
            .answers::<CategoryView>(),
            Operation::new(
                Method::Delete,
                "delete_category",
                "/guilds/{guild}/categories/{category}",
                delete,
            )
            .about("Deletes a category. Channels that stood under it stand under none.")
            .scope(Scope::Manage),
            Operation::new(Method::Put, "order_channels", "/guilds/{guild}/order", order)
                .about(
                    "Orders channels and categories. A list of single changes and no transaction: what was cut off is \
                     done by asking again.",
                )
                .scope(Scope::Manage)
                .takes(ids(
                    "order",
                    MAX_ORDERED,
                    "channels and categories from top to bottom; a channel stands under the nearest category before it",
                ))
                .takes(number("first", "the position of the first one, else 0").optional()),
        ],
    )
}

async fn categories(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    Ok(Answer::of(call.chat.categories(&call.identity, guild).await?))
}

async fn create(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    let changes = changes(&mut call)?;
    let created = call.chat.create_category(&call.identity, guild, changes);
    Ok(Answer::of(created.await?))
}

async fn change(mut call: Call) -> Result<Answer> {
    let (guild, category) = (call.id("guild")?, call.id("category")?);
    let changes = changes(&mut call)?;
    let changed = call
        .chat
        .change_category(&call.identity, guild, category, changes);
    Ok(Answer::of(changed.await?))
}

fn changes(call: &mut Call) -> Result<CategoryChanges> {
    Ok(CategoryChanges {
        name: call.optional_text("name")?,
        position: call.optional_number("position")?,
    })
}

async fn delete(mut call: Call) -> Result<Answer> {
    let (guild, category) = (call.id("guild")?, call.id("category")?);
    let deleted = call.chat.delete_category(&call.identity, guild, category);
    deleted.await.map(|()| Answer::done())
}

async fn order(mut call: Call) -> Result<Answer> {
    let guild = call.id("guild")?;
    // What stands in the list are rooms and categories: both are told by the same kind of id.
    let order: Vec<RoomId> = call.ids("order")?;
    let order: Vec<u128> = order.into_iter().map(RoomId::as_u128).collect();
    let first = call.optional_number("first")?;
    let ordered = call.chat.order_channels(&call.identity, guild, &order, first);
    ordered.await.map(|()| Answer::done())
}
