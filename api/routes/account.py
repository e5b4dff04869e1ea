"""The account that asks: how good its assessments are, and its end."""

from api import auth
from api.routes import blueprint
from api.schemas.receipts import ReceiptOut
from api.schemas.verdicts import AgreementOut, ConfusionOut
from shared import accounts, verdicts
from shared.db import transaction

bp = blueprint("account")


@bp.get("/account/agreement")
@bp.output(AgreementOut)
def read_agreement() -> AgreementOut:
    """Count your verdicts against the assessments, by species, bundle and who gave them."""
    with transaction() as session:
        rows = verdicts.confusion(session, auth.account_id())
        return AgreementOut(items=[ConfusionOut(**row) for row in rows])


@bp.delete("/account")
@bp.output(ReceiptOut)
def delete_account() -> ReceiptOut:
    """Delete your account: pets, clips, media, results, webhooks, keys. There is no way back."""
    with transaction() as session:
        return ReceiptOut.model_validate(accounts.delete(session, auth.account_id()))
