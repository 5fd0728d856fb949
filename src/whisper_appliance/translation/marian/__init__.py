"""Any pair of languages, by models of Marian in CTranslate2's format that people lay down."""
