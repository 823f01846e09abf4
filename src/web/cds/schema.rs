use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, Schema, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

const UUID: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
const FHIR_ID: &str = "^[A-Za-z0-9.-]{1,64}$";
const USER: &str = "^(Practitioner|PractitionerRole|Patient|RelatedPerson)/[A-Za-z0-9.-]{1,64}$";
const REFERENCE: &str = "^[A-Za-z]{1,64}/[A-Za-z0-9.-]{1,64}$";
const ADDRESS: &str = "^https?://[A-Za-z0-9.:-]{1,200}(/[A-Za-z0-9._~/-]{0,200})?$";

/// A question at the opening of a record, for the description.
#[derive(Debug)]
pub struct PatientViewQuestion;

/// A question at the selection of orders, for the description.
#[derive(Debug)]
pub struct OrderSelectQuestion;

fn text(pattern: &str, description: &str) -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    Schema::Object(text.description(Some(description)).build())
}

fn or_null(schema: Schema) -> Schema {
    let null = Schema::Object(ObjectBuilder::new().schema_type(Type::Null).build());
    Schema::AnyOf(AnyOfBuilder::new().item(schema).item(null).build())
}

fn question(hook: &str, context: ObjectBuilder) -> RefOr<Schema> {
    let any_object = Schema::Object(ObjectBuilder::new().build());
    let context = context
        .property("userId", text(USER, "Who uses the clinical system"))
        .required("userId")
        .property("patientId", text(FHIR_ID, "The patient's FHIR id"))
        .required("patientId")
        .property("encounterId", or_null(text(FHIR_ID, "The encounter's FHIR id")));
    let object = ObjectBuilder::new()
        .description(Some(
            "A question of a clinical system (CDS Hooks 2.0, Calling a CDS Service). Keys that are not listed are read past; fhirAuthorization needs fhirServer beside it, is never used and never kept",
        ))
        .property("hook", text(&format!("^{hook}$"), "The hook"))
        .required("hook")
        .property("hookInstance", text(UUID, "UUID of this question"))
        .required("hookInstance")
        .property("fhirServer", or_null(text(ADDRESS, "Address of the FHIR server; never called")))
        .property("prefetch", or_null(any_object))
        .property("context", Schema::Object(context.build()))
        .required("context");
    RefOr::T(Schema::Object(object.build()))
}

impl PartialSchema for PatientViewQuestion {
    fn schema() -> RefOr<Schema> {
        question("patient-view", ObjectBuilder::new())
    }
}

impl ToSchema for PatientViewQuestion {}

impl PartialSchema for OrderSelectQuestion {
    fn schema() -> RefOr<Schema> {
        let selections = ArrayBuilder::new().items(RefOr::T(text(REFERENCE, "A selected draft order"))).build();
        let drafts =
            ObjectBuilder::new().property("resourceType", text("^Bundle$", "Always Bundle")).required("resourceType");
        let context = ObjectBuilder::new()
            .property("selections", Schema::Array(selections))
            .required("selections")
            .property("draftOrders", Schema::Object(drafts.build()))
            .required("draftOrders");
        question("order-select", context)
    }
}

impl ToSchema for OrderSelectQuestion {}
